"""Pictures of every view, made by one command."""
