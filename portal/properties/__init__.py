"""Custom properties of a site: which the dashboard lists, and by what name."""
