"""Policy as data: rule packs with their cases, and the matcher that applies them."""
