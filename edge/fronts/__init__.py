"""Fronts: the programs that hold connections. Each only adapts the pure core to one proxy engine."""
