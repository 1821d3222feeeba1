"""Journeys: the ways that visits take."""
