"""Pictures of pages: what stands behind heatmaps (docs/adr/0038)."""
