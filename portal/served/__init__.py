"""Pages on what the edge served: to crawlers, with which status, how fast."""
