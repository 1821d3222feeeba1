"""Where a client's connection stands, and how one is ended so that nobody mistakes it.

The one invariant: a connection is in one state, and each says what the next bytes are.
"""

import asyncio
import socket
import struct
from enum import Enum, auto

_RESETS = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends a reset, which no client takes for the end of a body."""


class State(Enum):
    """What is read next, or awaited."""

    PROXY = auto()
    """The PROXY protocol's header comes first."""
    HEAD = auto()
    BODY = auto()
    WAIT = auto()
    """The request is complete, its answer is not."""
    TUNNEL = auto()
    LINGER = auto()
    """All is said; what still comes is dropped, for closing on unread bytes would reset."""
    CLOSING = auto()
    """Closed, as soon as the client has taken what is written."""


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a reset: what was sent is known to be incomplete."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
    transport.abort()
