"""Segments: filters saved under a name, for oneself or for everybody who sees the site."""
