"""Upstreams are tried in order, skipped when they fail, and held against the allowed ranges."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from edge.fronts.origins import Origins, UpstreamRefusedError
from edge.fronts.reception import Upstream
from edge.sites import Origin as SiteOrigin
from edge.sites import Site, Snapshot
from edge.upstream_ranges import UpstreamRanges
from tests.conformance.asking import get
from tests.conformance.conftest import FRONTS
from tests.support.front_stack import FrontStack
from tests.support.raw_client import ask
from tests.support.steady_origin import SteadyOrigin

FIRST = Upstream("a.example", 80, False, "a.example", 1)
SECOND = Upstream("b.example", 80, False, "b.example", 1)
BOTH = (FIRST, SECOND)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origins(clock: Clock) -> Origins:
    return Origins(now=clock)


def at(host: str, port: int = 80) -> Upstream:
    return Upstream(host, port, False, host)


def test_upstreams_are_tried_as_configured(origins: Origins) -> None:
    assert origins.order(BOTH) == [FIRST, SECOND]


def test_two_failures_change_nothing(origins: Origins) -> None:
    origins.failed(FIRST)
    origins.failed(FIRST)

    assert origins.order(BOTH) == [FIRST, SECOND]


def test_three_failures_in_a_row_skip_for_ten_seconds(origins: Origins, clock: Clock) -> None:
    for _ in range(3):
        origins.failed(FIRST)

    clock.now += 9.9
    assert origins.order(BOTH) == [SECOND, FIRST]
    clock.now += 0.2
    assert origins.order(BOTH) == [FIRST, SECOND]


def test_a_success_in_between_starts_the_row_again(origins: Origins) -> None:
    for outcome in (origins.failed, origins.failed, origins.succeeded, origins.failed):
        outcome(FIRST)

    assert origins.order(BOTH) == [FIRST, SECOND]


def test_after_its_ten_seconds_one_more_failure_skips_it_again(
    origins: Origins, clock: Clock
) -> None:
    for _ in range(3):
        origins.failed(FIRST)
    clock.now += 11
    origins.failed(FIRST)

    assert origins.order(BOTH) == [SECOND, FIRST]
    origins.succeeded(FIRST)
    assert origins.order(BOTH) == [FIRST, SECOND]


def test_where_all_are_skipped_all_are_still_tried(origins: Origins) -> None:
    for upstream in BOTH * 3:
        origins.failed(upstream)

    assert origins.order(BOTH) == [FIRST, SECOND]


def test_health_is_the_upstreams_not_the_sites(origins: Origins) -> None:
    for site_id in (1, 2, 3):
        origins.failed(Upstream("a.example", 80, False, "a.example", site_id))

    assert origins.order(BOTH) == [SECOND, FIRST]


async def test_addresses_written_as_such_are_not_looked_up(origins: Origins) -> None:
    assert await origins.addresses(at("192.0.2.1", 8080)) == [("192.0.2.1", 8080)]
    assert await origins.addresses(at("2001:db8::1")) == [("2001:db8::1", 80)]


async def test_a_name_is_resolved_each_time(
    origins: Origins, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["192.0.2.1"], ["192.0.2.2"]])
    _resolve_by(monkeypatch, lambda: next(answers))

    assert await origins.addresses(FIRST) == [("192.0.2.1", 80)]
    assert await origins.addresses(FIRST) == [("192.0.2.2", 80)]


async def test_the_real_resolver_knows_this_machine(origins: Origins) -> None:
    found = await origins.addresses(at("localhost", 81))

    assert {"127.0.0.1", "::1"} & {address for address, _ in found}
    assert {port for _, port in found} == {81}


async def test_the_second_address_is_of_the_other_family(
    origins: Origins, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolve_by(monkeypatch, lambda: ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"])

    found = [address for address, _ in await origins.addresses(FIRST)]
    assert found == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"]


async def test_who_wait_for_one_name_share_one_lookup(
    origins: Origins, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    _resolve_by(monkeypatch, lambda: asked.append("once") or ["192.0.2.1"])

    await asyncio.gather(*(origins.addresses(FIRST) for _ in range(20)))
    assert asked == ["once"]


async def test_who_gives_up_waiting_takes_nobody_along(
    origins: Origins, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolve_by(monkeypatch, lambda: ["192.0.2.1"], delay_s=0.05)
    impatient = asyncio.create_task(origins.addresses(FIRST))
    patient = asyncio.create_task(origins.addresses(FIRST))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await patient == [("192.0.2.1", 80)]


async def test_a_name_that_does_not_exist_is_an_os_error(origins: Origins) -> None:
    with pytest.raises(OSError, match=r".") as failure:
        await origins.addresses(at("no-such-name.invalid"))
    assert not isinstance(failure.value, UpstreamRefusedError)


async def test_only_allowed_addresses_are_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = Origins(allowed=UpstreamRanges("private 2001:db8::/32"))
    _resolve_by(monkeypatch, lambda: ["198.51.100.1", "10.0.0.7", "2001:db8::1", "fe80::1%lo"])

    found = [address for address, _ in await origins.addresses(FIRST)]
    assert "198.51.100.1" not in found
    assert {"10.0.0.7", "2001:db8::1"} <= set(found)


@pytest.mark.parametrize("host", ["169.254.169.254", "::ffff:169.254.169.254", "127.0.0.1"])
async def test_an_upstream_outside_the_ranges_is_refused(host: str) -> None:
    origins = Origins(allowed=UpstreamRanges("10.0.0.0/8"))

    with pytest.raises(UpstreamRefusedError) as failure:
        await origins.addresses(at(host))
    assert host not in str(failure.value)


def test_the_connected_address_is_judged_by_the_ranges() -> None:
    origins = Origins(allowed=UpstreamRanges("10.0.0.0/8 loopback"))

    assert origins.allows("10.1.2.3", FIRST)
    assert origins.allows("::ffff:10.1.2.3", FIRST)
    assert origins.allows("::1", FIRST)
    assert not origins.allows("11.0.0.1", FIRST)
    assert not origins.allows("/run/socket", FIRST)


def test_without_ranges_every_address_is_allowed(origins: Origins) -> None:
    assert origins.allows("198.51.100.1", FIRST)


@pytest.mark.parametrize("front", ["direct", "mitmproxy"])
@pytest.mark.parametrize("living", ["127.0.0.1", "::1"])
def test_a_name_with_a_dead_address_is_reached_at_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, front: str, living: str
) -> None:
    async def both(_: str, port: int) -> list[tuple[str, int]]:
        return [("::1", port), ("127.0.0.1", port)]

    monkeypatch.setattr("edge.fronts.origins._look_up", both)
    stack = FrontStack(FRONTS[front], tmp_path, front=front)
    stack.start()
    try:
        with SteadyOrigin(living) as origin:
            upstream = SiteOrigin("http", "both.example", origin.port)
            stack.snapshot = Snapshot(2, (Site(1, "shop.localhost", (upstream,), "k"),))
            assert ask(stack.port, get("/")).status == 200
    finally:
        stack.stop()


def _resolve_by(monkeypatch: pytest.MonkeyPatch, answer: Any, delay_s: float = 0.0) -> None:
    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = answer()
        await asyncio.sleep(delay_s)
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", (name, port)) for name in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
