"""Alembic migrations of the portal; run by `portal.database`."""
