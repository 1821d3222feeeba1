"""One query model for dashboards, API, exports and reports."""
