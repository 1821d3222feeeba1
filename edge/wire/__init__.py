"""Pure message rules that the Python fronts share: authority, framing, hop-by-hop, limits."""
