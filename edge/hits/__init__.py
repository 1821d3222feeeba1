"""Hits: one row for each document that the edge served, off the page's path."""
