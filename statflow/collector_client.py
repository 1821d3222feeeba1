"""Pass a request to the collector's private port, as the portal does for other trackers.

Over the edge's private socket where it runs beside us under ``statflow up``, else over loopback to
``STATFLOW_COLLECTOR_URL``. The one invariant: whatever happens there, the caller gets an answer
within seconds: a 503 that may be tried again.
"""

import http.client
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from edge.collector.relay import PEER

type Headers = Sequence[tuple[str, str]]
type Answer = tuple[int, list[tuple[str, str]], bytes]

_PATIENCE_S = 10.0
_DROPPED = frozenset(
    {"connection", "transfer-encoding", "content-length", "host", "expect", PEER.decode()}
)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("collector", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket instead of an address."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class CollectorClient:
    """Where the collector is, and one way to ask it; a connection for each request."""

    def __init__(self, private_socket: Path, url: str = "") -> None:
        self._socket = private_socket
        self._url = url

    def __call__(self, method: str, path: str, headers: Headers, body: bytes, peer: str) -> Answer:
        """Ask, and give status, headers and body of the answer."""
        sent = {key: value for key, value in headers if key.lower() not in _DROPPED}
        connection = self._connection()
        try:
            connection.request(method, path, body, {**sent, PEER.decode(): peer})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            return _away()
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._url:
            return _SocketConnection(self._socket)
        parts = urlsplit(self._url)
        return http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=_PATIENCE_S
        )


def _away() -> Answer:
    message = "Events cannot be taken just now; please try again."
    error = {"error": {"code": "unavailable", "message": message, "field": None}}
    headers = [("Content-Type", "application/json"), ("Retry-After", "5")]
    return 503, headers, json.dumps(error).encode()
