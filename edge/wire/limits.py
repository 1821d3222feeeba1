"""Sizes and times that bound every connection of the edge.

One table, so that all fronts refuse the same things. The one invariant: no limit here applies to
the body of a customer's page, upload or download; those are bounded by back-pressure only.

Source: DESIGN 5.6, "Limits".
"""

MAX_HEAD_BYTES = 65_536
"""Request or status line with all header fields; beyond it 431, or 502 when an origin sends it."""

MAX_TARGET_BYTES = 32_768
"""Request target; beyond it 414. Browsers stop far below."""

HEAD_TIMEOUT_S = 10.0
"""From the first byte of a request, or of a TLS handshake, to the end of its header."""

IDLE_TIMEOUT_S = 75.0
"""Between two requests of a kept-alive connection."""

CONNECT_TIMEOUT_S = 5.0
"""To have a connection to an origin, its TLS handshake included."""

FIRST_BYTE_TIMEOUT_S = 60.0
"""From the last byte of a request to the first byte of the origin's answer; beyond it 504."""

BETWEEN_BYTES_TIMEOUT_S = 300.0
"""Silence in the middle of a body. Event streams and upgraded connections may be silent."""

LINGER_S = 5.0
"""How long a refused client's bytes are read and dropped, so that it can read our answer."""

DRAIN_IDLE_S = 1.0
"""How long a draining front leaves idle connections open: a request may be on its way, and its
answer can say Connection: close. Cutting at once would fail it (RFC 9112 section 9.6)."""
