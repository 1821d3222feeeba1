"""The demo: a shop to stand behind the edge, and believable traffic for it."""
