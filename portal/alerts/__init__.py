"""What is watched of a site, and when somebody is told."""
