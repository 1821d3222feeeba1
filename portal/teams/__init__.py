"""Teams: who belongs together, and what each role may do."""
