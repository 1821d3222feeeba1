"""Retention: who came again, how much later."""
