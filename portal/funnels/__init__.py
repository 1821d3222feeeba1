"""Funnels: building them, and seeing where people drop off."""
