"""Exports of other products: each is read into lines of CONTRACT 5, or into totals of days."""
