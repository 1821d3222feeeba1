"""Durable buffering of events between the collector and the forwarder (Redis Streams)."""

from edge.buffer.protocol import BufferUnavailable, EventBuffer

__all__ = ["BufferUnavailable", "EventBuffer"]
