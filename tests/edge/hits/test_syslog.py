"""Pages that nginx serves by itself reach the hits by syslog, and garbage costs a line."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.hits.derive import capture_of
from edge.hits.hit import Capture
from edge.hits.syslog import SyslogHits, read_line
from edge.sites import Snapshot
from tests.support.factories import a_site

SITES = Snapshot(1, (a_site(),))
TOLD = {
    "host": "shop.example", "uri": "/a?b=1", "status": "200", "bytes": "2100",
    "address": "198.51.100.7", "agent": "Firefox", "referrer": "", "language": "fr",
    "method": "GET", "scheme": "https", "type": "text/html; charset=utf-8", "location": "",
    "ttfb": "0.012", "time": "0.020", "dest": "document", "purpose": "", "dnt": "", "gpc": "",
    "out": "",
}  # fmt: skip


def a_line(**changes: Any) -> bytes:
    return b"<190>Nov 28 05:14:56 sf: " + json.dumps(TOLD | changes).encode()


def test_a_line_becomes_what_a_front_would_have_noted() -> None:
    served = read_line(a_line(), SITES)
    assert served is not None
    asked = served.asked
    assert (asked.site.id, asked.method, asked.target) == (1, "GET", b"/a?b=1")
    assert (str(asked.address), asked.origin) == ("198.51.100.7", "https://shop.example")
    assert (b"User-Agent", b"Firefox") in asked.headers
    assert (served.status, served.sent_bytes) == (200, 2100)
    assert (served.ttfb_ms, served.duration_ms) == (12.0, 20.0)
    assert capture_of(served, "") is Capture.CACHEABLE


@pytest.mark.parametrize("ttfb", ["-", "", "0.1, 0.012", "- : 0.012"])
def test_times_of_several_upstreams_are_the_last_one_s(ttfb: str) -> None:
    served = read_line(a_line(ttfb=ttfb), SITES)
    assert served is not None
    assert served.ttfb_ms in {0.0, 12.0}


def test_who_opted_out_is_known() -> None:
    served = read_line(a_line(out="1"), SITES)
    assert served is not None
    assert served.asked.opted_out


@pytest.mark.parametrize(
    "changes", [{"host": "evil.example"}, {"address": "nobody"}, {"status": "?"}, {"uri": None}]
)
def test_what_cannot_be_is_none(changes: Any) -> None:
    read = read_line(a_line(**changes), SITES)
    assert read is None or changes == {"uri": None}


@given(st.binary(max_size=200))
def test_garbage_is_none(line: bytes) -> None:
    assert read_line(line, SITES) is None
    assert read_line(b"<1> sf: " + line, SITES) is None


async def test_the_socket_is_read_and_goes_away(tmp_path: Path) -> None:
    heard: list[bytes] = []
    path = tmp_path / "hits"
    path.touch()  # One of a process that was killed.
    reader = SyslogHits(path, lambda: SITES, lambda page: heard.append(page.asked.target))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(path))
        for line in (a_line(), b"garbage", a_line(type="image/png"), a_line(uri="/b")):
            sender.send(line)
    await asyncio.sleep(0.05)
    await reader.close()
    assert heard == [b"/a?b=1", b"/b"]
    assert not path.exists()
