"""Sharing: public dashboards, links that open one without an account, and frames in other pages."""
