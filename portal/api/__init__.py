"""The HTTP API: questions to the store, with bearer tokens."""
