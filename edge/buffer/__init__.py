"""Durable buffering of events between the collector and the forwarder (Redis Streams)."""
