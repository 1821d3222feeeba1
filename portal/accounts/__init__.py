"""Accounts: signing in and out, the first-run set-up, and what keeps guessing slow."""
