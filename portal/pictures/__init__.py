"""Pictures of pages, over which heatmaps are drawn (docs/adr/0038)."""
