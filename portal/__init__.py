"""The Flask portal: accounts, teams, sites, dashboards and the API."""
