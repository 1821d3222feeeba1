"""Hears of the pages that nginx serves by itself (``--inject njs`` and ``sub_filter``), by syslog.

nginx writes one line a page to a unix socket, never to a file, for it holds an address; here it
becomes what a front would have noted. What nginx did to a page is not in it, and no load id can be,
so such pages are *not measurable*. The one invariant: whatever arrives on the socket, it costs one
line at most, and is told nowhere.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import Counter

from edge.collector.client_ip import parse_address
from edge.fronts.served import Asked, Served
from edge.sites import Snapshot

_MARK = b" sf: "
_LONGEST = 65_536
_AT_ONCE = 100
_FOR_NGINX = 0o666
"""The workers of nginx run as another user; the folder says who gets so far."""
_LINES = Counter("statflow_hits_syslog_total", "Lines from nginx, by what they were.", ["line"])
_HEADERS = {
    "agent": b"User-Agent",
    "referrer": b"Referer",
    "language": b"Accept-Language",
    "dest": b"Sec-Fetch-Dest",
    "purpose": b"Sec-Purpose",
    "dnt": b"DNT",
    "gpc": b"Sec-GPC",
}

type Heard = Callable[[Served], None]


def read_line(line: bytes, sites: Snapshot) -> Served | None:
    """Read one line; None if it is none of ours, or of no site that is served."""
    try:
        told = orjson.loads(line[line.index(_MARK) + len(_MARK) :])
        address = parse_address(told["address"].encode())
        site = sites.find(told["host"])
        if site is None or address is None:
            return None
        headers = [(name, told[key].encode()) for key, name in _HEADERS.items() if told.get(key)]
        scheme = "https" if told["scheme"] == "https" else "http"
        asked = Asked(
            site,
            str(told["method"]),
            str(told["uri"]).encode(),
            headers,
            f"{scheme}://{told['host']}",
            address,
            opted_out=told.get("out") == "1",
        )
        kind = str(told.get("type", "")).lower()
        return Served(
            asked,
            int(told["status"]),
            "",
            int(told["bytes"]),
            _ms(told.get("ttfb")),
            _ms(told.get("time")),
            complete=True,
            is_html=kind.startswith(("text/html", "application/xhtml+xml")),
            location=str(told.get("location", "")).encode(),
            shows_tag=True,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class SyslogHits:
    """Reads the lines of one unix socket for as long as it is open.

    Raises:
        OSError: The socket cannot be made there.
    """

    def __init__(self, path: Path, sites: Callable[[], Snapshot], heard: Heard) -> None:
        self._path = path
        self._sites = sites
        self._heard = heard
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        path.chmod(_FOR_NGINX)
        asyncio.get_running_loop().add_reader(self._socket, self._take)

    async def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                line = self._socket.recv(_LONGEST)
            except BlockingIOError:
                return
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        served = read_line(line, self._sites())
        if served is None:
            _LINES.labels("unreadable").inc()
        elif served.is_html or served.location:
            _LINES.labels("page").inc()
            self._heard(served)
        else:
            _LINES.labels("other").inc()


def _ms(seconds: Any) -> float:
    """Read nginx's seconds, the last of several upstreams'; ``-`` is none."""
    last = str(seconds or "").replace(":", ",").split(",")[-1].strip()
    try:
        return float(last) * 1000
    except ValueError:
        return 0.0
