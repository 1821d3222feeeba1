"""The doctor finds dead upstreams and missing certificates before visitors do."""

import datetime as dt
import socket
from pathlib import Path

from edge.sites import Snapshot
from statflow.edge_checks import find_certificate_problems, find_dead_upstreams
from tests.support.certificates import Authority
from tests.support.factories import a_site

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


async def test_a_site_needs_one_upstream_that_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as living:
        url = f"http://127.0.0.1:{living.getsockname()[1]}"
        snapshot = Snapshot(
            1,
            (
                a_site(id=1, host="good.example", upstreams=["http://127.0.0.1:1", url]),
                a_site(id=2, host="dead.example", upstreams=["http://127.0.0.1:1"]),
                a_site(id=3, host="lost.example", upstreams=["http://no-such-name.invalid"]),
            ),
        )
        assert await find_dead_upstreams(snapshot, "") == [
            "dead.example: http://127.0.0.1:1 does not connect",
            "lost.example: http://no-such-name.invalid:80 does not resolve",
        ]


async def test_an_upstream_outside_the_ranges_is_said_to_be() -> None:
    snapshot = Snapshot(1, (a_site(upstreams=["http://127.0.0.1:1"]),))

    assert await find_dead_upstreams(snapshot, "10.0.0.0/8") == [
        "shop.example: http://127.0.0.1:1 is outside STATFLOW_UPSTREAM_RANGES"
    ]


def test_every_name_has_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    folder = tmp_path / "tls"
    authority.write_pair(folder / "shop.example", "shop.example")
    authority.write_pair(folder / "_.b.example", "*.b.example")
    names = ["www.shop.example", "x.b.example", "localhost", "127.0.0.1", "[::1]"]
    snapshot = Snapshot(1, (a_site(aliases=names),))

    assert find_certificate_problems(folder, snapshot, NOW) == ["none for www.shop.example"]


def test_a_certificate_that_ends_soon_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    Authority(tmp_path).write_pair(folder / "shop.example", "shop.example")
    later = dt.datetime(2119, 12, 28, tzinfo=dt.UTC)

    assert find_certificate_problems(folder, Snapshot(1, (a_site(),)), later) == [
        "that of shop.example ends on 2120-01-01"
    ]
