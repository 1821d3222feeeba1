"""Live: what is happening now."""
