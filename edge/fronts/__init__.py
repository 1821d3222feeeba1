"""Fronts: they hold connections; each only adapts the pure core to one proxy engine."""
