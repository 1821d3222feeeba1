"""What HTTP/2 and HTTP/3 clients have in common: many requests on one connection, and its abuse.

The two named subclasses of mitmproxy's, ``mitm_http2`` and ``mitm_http3``, inherit this. How a
stream is framed is theirs; this module says what the connection handler may ask of either, and how
much a client may do that costs us and not the client. The one invariant: one connection can only
have so many streams, unsent bytes and frames without a request under way, whatever it sends.

Source: CVE-2023-44487 (rapid reset), CVE-2019-9512 to 9518 (floods of control frames).
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.proxy.layers.http import _events as http_events

from edge.fronts.mitm_desk import Desk, Refused, refusal_for
from edge.fronts.mitm_messages import make_request
from edge.wire.fields import Fields
from edge.wire.refusal import ErrorPage

type Takes = Callable[[int], bool]
"""Tells whether there is room for more of a stream's upload; asked with a stream's id."""

STREAMS = 100
"""Open requests of one connection."""
REQUESTS = 10_000
"""Requests of one connection, after which it is asked to come again."""
UPLOAD_WINDOW_BYTES = 262_144
"""What a stream may send before its origin took something."""
CONNECTION_WINDOW_BYTES = 16 * UPLOAD_WINDOW_BYTES

_WINDOW_S = 10.0
_RESETS = 300
"""Cancelled requests in ten seconds; a browser that leaves a page cancels at most ``STREAMS``."""
_CONTROLS = 1_000
"""Frames in ten seconds that carry nothing: pings, settings, priorities, empty data."""

_PSEUDO = (b":method", b":scheme", b":path")


@dataclass(slots=True)
class Budget:
    """So many of something in each ten seconds."""

    limit: int
    _used: int = 0
    _until: float = 0.0

    def spend(self, now: float) -> bool:
        """Count one; False when that is one too many."""
        if now >= self._until:
            self._used, self._until = 0, now + _WINDOW_S
        self._used += 1
        return self._used <= self.limit


class Multiplexed:
    """The client's side of a connection with many streams."""

    def __init__(self, desk: Desk, takes: Takes) -> None:
        self._desk = desk
        self._takes = takes
        self._resets = Budget(_RESETS)
        self._controls = Budget(_CONTROLS)
        self._goes_away = False
        self.waiting_since = desk.now()
        self.held_uploads: set[int] = set()
        """Streams whose client waits for room."""
        self._heads: set[int] = set()

    @abstractmethod
    def queued_bytes(self, stream_id: int) -> int:
        """Tell how much of a stream's answer waits for the client."""

    @property
    @abstractmethod
    def has_queued(self) -> bool:
        """Tell whether any answer waits for the client."""

    @abstractmethod
    def _may_show(self, stream_id: int) -> bool:
        """Tell whether an answer of ours can still be sent on a stream."""

    def _request(self, stream_id: int, fields: Fields, version: bytes) -> http.Request | None:
        """Make a stream's request; None if it is one that we do not serve."""
        self.waiting_since = self._desk.now()
        request = request_of(fields, version)
        if request is not None and request.data.method == b"HEAD":
            self._heads.add(stream_id)
        return request

    def _page(self, event: http_events.ResponseProtocolError) -> ErrorPage | None:
        """Find the page to show, None if the stream is past showing one."""
        if not self._may_show(event.stream_id):
            return None
        if isinstance(event, Refused):
            return event.page
        refusal = refusal_for(event.code)
        return None if refusal is None else self._desk.error_page(refusal)


def request_of(fields: Fields, version: bytes) -> http.Request | None:
    """Make a request of the fields of a stream; None for CONNECT, plain or extended (RFC 8441)."""
    pseudo = {name: value for name, value in fields if name.startswith(b":")}
    if not pseudo.keys() >= set(_PSEUDO) or pseudo[b":method"] == b"CONNECT":
        return None
    headers = [field for field in fields if not field[0].startswith(b":")]
    authority = pseudo.get(b":authority", b"")
    method, scheme, path = (pseudo[name] for name in _PSEUDO)
    return make_request(method, scheme, authority, path, version, headers)


def page_fields(page: ErrorPage) -> list[tuple[bytes, bytes]]:
    """Write an error page's head for a binary protocol."""
    head = [(b":status", b"%d" % page.status)]
    return head + [(name.lower(), value) for name, value in page.headers]
