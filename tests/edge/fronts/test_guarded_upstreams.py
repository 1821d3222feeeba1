"""An upstream that somebody of a team typed leads nowhere inside, whatever its name resolves to."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from edge.collector.client_ip import Networks
from edge.fronts.nginx_checks import check_sites
from edge.fronts.nginx_options import NginxOptions
from edge.fronts.nginx_text import NginxError
from edge.fronts.origins import Origins, UpstreamRefusedError
from edge.fronts.reception import Forward, Incoming, Reception, Upstream
from edge.sites import Origin as SiteOrigin
from edge.sites import Site, Snapshot
from edge.upstream_ranges import UpstreamRanges
from tests.conformance.asking import get
from tests.conformance.conftest import FRONTS
from tests.support.factories import a_site
from tests.support.front_stack import FrontStack
from tests.support.raw_client import ask
from tests.support.steady_origin import SteadyOrigin

PUBLIC = "93.184.215.14"
SPELLINGS = ("127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "localhost")
"""What every resolver takes for 127.0.0.1."""


def guarded(host: str, port: int = 80) -> Upstream:
    return Upstream(host, port, False, host, guarded=True)


@pytest.mark.parametrize("host", [*SPELLINGS, "127.0.0.1", "::1", "10.0.0.5"])
async def test_no_spelling_of_an_inner_address_is_handed_out(host: str) -> None:
    with pytest.raises(OSError, match=r"allowed ranges|resolve|not known|Name"):
        await Origins().addresses(guarded(host))


async def test_a_name_is_judged_by_where_it_leads_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = cycle([PUBLIC, "169.254.169.254", "127.0.0.1"])

    async def getaddrinfo(_: str, port: int, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    origins = Origins()
    assert await origins.addresses(guarded("flips.example")) == [(PUBLIC, 80)]
    for _ in range(2):
        with pytest.raises(UpstreamRefusedError):
            await origins.addresses(guarded("flips.example"))


async def test_of_several_addresses_only_public_ones_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def both(_: str, port: int) -> list[tuple[str, int]]:
        return [("127.0.0.1", port), (PUBLIC, port)]

    monkeypatch.setattr("edge.fronts.origins._look_up", both)
    assert await Origins().addresses(guarded("both.example")) == [(PUBLIC, 80)]


@pytest.fixture(params=["direct", "mitmproxy"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FrontStack]:
    found = FrontStack(FRONTS[request.param], tmp_path, front=request.param)
    found.start()
    yield found
    found.stop()


def serve(stack: FrontStack, host: str, port: int, *, is_guarded: bool, number: int) -> None:
    origin = SiteOrigin("http", host, port)
    kept = (origin,) if is_guarded else ()
    stack.snapshot = Snapshot(
        number, (Site(number, "shop.localhost", (origin,), "k", guarded=kept),)
    )


def test_a_front_talks_to_an_inner_address_for_the_operator_only(stack: FrontStack) -> None:
    with SteadyOrigin() as origin:
        serve(stack, "127.0.0.1", origin.port, is_guarded=True, number=2)
        refused = ask(stack.port, get("/"))
        assert refused.status == 502
        assert not origin.heads
        assert b"127.0.0.1" not in refused.head + refused.body
        serve(stack, "127.0.0.1", origin.port, is_guarded=False, number=3)
        assert ask(stack.port, get("/")).status == 200
        # The connection that is open by now is not lent to a site that may not have made it.
        serve(stack, "127.0.0.1", origin.port, is_guarded=True, number=4)
        assert ask(stack.port, get("/")).status == 502


def test_a_name_that_flips_after_it_was_checked_is_not_followed(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: whatever is resolved, the address that is connected to is the one judged.

    The last answer is a public address behind which the network itself leads inside.
    """
    with SteadyOrigin() as origin:
        answers = cycle(["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", PUBLIC])
        connect = asyncio.BaseEventLoop.create_connection

        async def flipping(_: str, port: int) -> list[tuple[str, int]]:
            return [(next(answers), port)]

        async def led_inside(loop: Any, make: Any, host: str, *rest: Any, **named: Any) -> Any:
            return await connect(
                loop, make, "127.0.0.1" if host == PUBLIC else host, *rest, **named
            )

        monkeypatch.setattr("edge.fronts.origins._look_up", flipping)
        monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", led_inside)
        serve(stack, "flips.example", origin.port, is_guarded=True, number=5)
        for _ in range(4):
            assert ask(stack.port, get("/")).status == 502
        assert not origin.heads
        serve(stack, "flips.example", origin.port, is_guarded=False, number=6)
        assert ask(stack.port, get("/")).status == 200


def test_a_redirect_of_the_origin_is_the_visitors_to_follow(stack: FrontStack) -> None:
    stack.origin.script("/away", b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n"
                        b"Content-Length: 0\r\n\r\n")  # fmt: skip
    answer = ask(stack.port, get("/away"))
    assert answer.status == 302
    assert b"Location: http://169.254.169.254/" in answer.head


def test_the_snapshot_says_which_upstreams_are_guarded() -> None:
    urls = ["http://10.0.0.5", "https://shop.example:8443"]
    site = a_site(upstreams=urls, guarded_upstreams=urls[1:])
    reception = Reception(lambda: Snapshot(1, (site,)), _Nobody(), Networks())
    peer = __import__("ipaddress").ip_address("192.0.2.1")
    route = reception.receive(
        Incoming(b"GET", b"/", b"", [(b"Host", b"shop.example")], peer, tls=False)
    )
    assert isinstance(route, Forward)
    assert [upstream.guarded for upstream in route.upstreams] == [False, True]


class _Nobody:
    def owns(self, *_: object) -> bool:
        return False


@pytest.mark.parametrize(
    ("upstream", "said"),
    [
        ("http://10.0.0.5", "lies outside"),
        ("http://shop.example", "is a name"),
        ("http://93.184.215.14", ""),
    ],
)
def test_nginx_is_given_no_way_inside_either(upstream: str, said: str) -> None:
    site = a_site(upstreams=[upstream], guarded_upstreams=[upstream])
    options = NginxOptions(allowed=UpstreamRanges())
    if not said:
        check_sites(Snapshot(1, (site,)), options)
        return
    with pytest.raises(NginxError, match=said):
        check_sites(Snapshot(1, (site,)), options)
