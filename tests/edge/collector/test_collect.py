"""One outcome for every event."""

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY

from edge.collector import collect
from edge.collector.rate import RateLimits
from edge.outcomes import DropReason
from edge.pipeline.salts import SaltsUnavailable
from tests.edge.collector.conftest import NOON_MS, Edge, header
from tests.edge.pipeline.mmdb_file import render_mmdb

URL = "https://shop.example/"
VIEW = {"n": "pageview", "u": URL}


class NoSalts:
    """A salt store that is away, or whose salts are gone."""

    offset_ms = 0

    def __init__(self, *, is_away: bool) -> None:
        self.is_away = is_away

    async def for_day(self, *_: object) -> bytes | None:
        if self.is_away:
            raise SaltsUnavailable("away", 9)
        return None

    def expire(self, _now_ms: int) -> int:
        return 0


def _counted(site_id: int) -> dict[str, float]:
    found = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.name == "statflow_events_total" and sample.labels["site"] == str(site_id):
                found[sample.labels["outcome"]] = sample.value
    return found


def _send(edge: Edge, *events: Any, **changes: Any) -> Any:
    return edge.ask("POST", "/sf/e", orjson.dumps({"v": 1, "e": list(events)}), **changes)


def test_each_event_of_a_batch_has_one_outcome(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(id=7001)
    foreign, old = VIEW | {"u": "https://evil.example/"}, VIEW | {"a": 90_000_000}
    answer = _send(edge, VIEW, foreign, old, {"n": "x"}, VIEW | {"a": 1_000}, foreign)
    assert orjson.loads(answer.body) == {
        "rejected": [{"index": 3, "code": "missing", "field": "u"}]
    }
    expected = {
        DropReason.HOSTNAME_NOT_ALLOWED: 2,
        DropReason.TOO_OLD: 1,
        DropReason.INVALID_PAYLOAD: 1,
    }
    assert edge.buffer.drops == expected
    assert _counted(7001) == {"accepted": 2, **{reason.value: n for reason, n in expected.items()}}
    assert [event.ts_ms for event in edge.buffer.events] == [NOON_MS, NOON_MS - 1_000]


def test_a_rule_makes_an_event_of_a_view_that_is_kept(an_edge: Callable[..., Edge]) -> None:
    rule = {"id": "r", "kind": "event", "paths": ["*"], "name": "Seen"}
    edge = an_edge(id=7011, rules=[rule])
    _send(edge, VIEW, VIEW | {"u": "https://evil.example/"})
    assert [event.name for event in edge.buffer.events] == ["pageview", "Seen"]
    assert edge.buffer.drops == {DropReason.HOSTNAME_NOT_ALLOWED: 1}


def test_one_visitor_of_one_request_is_one(edge: Edge) -> None:
    _send(edge, VIEW, VIEW | {"n": "Buy"})
    assert len({event.visitor for event in edge.buffer.events}) == 1


def test_an_event_of_yesterday_gets_yesterdays_hash_while_its_salt_lives(edge: Edge) -> None:
    after_midnight_ms = NOON_MS + 12 * 3_600_000 + 30 * 60_000
    _send(edge, VIEW, VIEW | {"a": 3_600_000}, received_at_ms=after_midnight_ms)
    today, yesterday = edge.buffer.events
    assert today.local_day == yesterday.local_day + 1
    assert today.previous == yesterday.visitor
    assert yesterday.previous == 0
    assert today.visitor != yesterday.visitor
    _send(edge, VIEW | {"a": 3 * 3_600_000}, received_at_ms=after_midnight_ms + 3_600_000)
    assert edge.buffer.drops == {DropReason.TOO_OLD: 1}


def test_a_salt_store_that_is_away_is_told_as_503(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(salts=NoSalts(is_away=True), id=7002)
    answer = _send(edge, VIEW, VIEW)
    assert (answer.status, header(answer, b"retry-after")) == (503, b"9")
    assert edge.buffer.drops == {DropReason.NO_SALT: 2}
    assert _counted(7002) == {"no_salt": 2}


class OpeningSalts(NoSalts):
    """A salt store that has just started: it says when it will answer, and then does."""

    def __init__(self) -> None:
        super().__init__(is_away=False)
        self.is_open = False

    async def for_day(self, *_: object) -> bytes | None:
        if self.is_open:
            return bytes(32)
        self.is_open = True
        raise SaltsUnavailable("just started", 1, opens_in_s=1)


def test_a_beacon_waits_for_a_salt_store_that_is_about_to_open(
    an_edge: Callable[..., Edge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "_SECOND_PARTS_S", -1)
    edge = an_edge(salts=OpeningSalts())
    assert _send(edge, VIEW).status == 202
    assert len(edge.buffer.events) == 1


def test_no_more_beacons_wait_than_memory_is_set_aside_for(
    an_edge: Callable[..., Edge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MOST_PATIENT", 0)
    answer = _send(an_edge(salts=OpeningSalts()), VIEW)
    assert (answer.status, header(answer, b"retry-after")) == (503, b"1")


def test_a_salt_that_is_gone_drops(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(salts=NoSalts(is_away=False))
    assert _send(edge, VIEW).status == 202
    assert edge.buffer.drops == {DropReason.TOO_OLD: 1}


def test_a_buffer_that_is_away_is_told_as_503(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(id=7003)
    edge.buffer.is_away = True
    answer = _send(edge, VIEW, VIEW | {"a": 90_000_000})
    assert (answer.status, header(answer, b"retry-after")) == (503, b"7")
    assert _counted(7003) == {"buffer_unavailable": 1, "too_old": 1}


@pytest.mark.parametrize(
    ("limits", "wait"), [(RateLimits(per_client=2), b"30"), (RateLimits(per_site=2), b"1")]
)
def test_too_many_events_are_told_as_429(
    an_edge: Callable[..., Edge], limits: RateLimits, wait: bytes
) -> None:
    edge = an_edge(limits=limits)
    assert _send(edge, VIEW, VIEW).status == 202
    answer = _send(edge, VIEW)
    assert (answer.status, header(answer, b"retry-after")) == (429, wait)
    assert edge.buffer.drops == {DropReason.RATE_LIMITED: 1}


def test_who_opted_out_needs_no_salt(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(salts=NoSalts(is_away=True))
    assert _send(edge, VIEW, add=[(b"Cookie", b"sf_out=1")]).status == 202
    assert edge.buffer.drops == {DropReason.OPTED_OUT: 1}


def test_the_sites_currency_is_the_default(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(currency="JPY")
    _send(edge, VIEW | {"$": {"amount": "120"}})
    event = edge.buffer.events[0]
    assert (event.revenue_minor, event.currency) == (120, "JPY")


LONDON = {
    "country": {"iso_code": "GB"},
    "subdivisions": [{"iso_code": "ENG"}],
    "city": {"names": {"en": "London"}},
}


def test_a_city_is_stored_from_its_kth_visitor_on_and_looking_counts_nobody(
    an_edge: Callable[..., Edge], tmp_path: Path
) -> None:
    database = tmp_path / "city.mmdb"
    database.write_bytes(render_mmdb({"192.0.2.0/24": LONDON}))
    edge = an_edge(geo=database, id=7009, city_k=3)
    visitors = [ip_address(f"192.0.2.{number}") for number in range(1, 5)]
    for address in visitors[1:]:
        assert b"London" not in edge.ask("GET", "/sf/opt-out", address=address).body
    for address in (visitors[0], visitors[0], *visitors[1:]):
        _send(edge, VIEW, address=address)
    assert [event.city for event in edge.buffer.events] == ["", "", "", "London", "London"]
    assert {event.region for event in edge.buffer.events} == {"GB-ENG"}
    assert b"London" in edge.ask("GET", "/sf/opt-out", address=visitors[0]).body
