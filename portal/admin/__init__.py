"""The installation as its administrators see it: people, teams, sites, queues, health, settings."""
