"""The visitor hash: one a site, day, address and agent."""

import hmac
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from edge.pipeline.draft import Draft
from edge.pipeline.identity import packed_address, put_place, put_visitor
from edge.pipeline.moment import put_moment
from tests.edge.pipeline.conftest import DAY, NOON_MS

type Make = Callable[..., Draft]
HOUR_MS = 3_600_000
SALTS = {DAY: b"a" * 32, DAY + 1: b"b" * 32, DAY - 1: b"c" * 32}


def _visitor(draft: Draft) -> Draft:
    put_moment(draft)
    put_visitor(draft)
    return draft


def test_the_hash_is_the_documented_one(a_draft: Make) -> None:
    message = b"\x00\x011" + bytes(10) + b"\xff\xff\xc0\x00\x02\x01" + b"Mozilla/5.0"
    expected = int.from_bytes(hmac.digest(b"a" * 32, message, "sha256")[:8])
    assert _visitor(a_draft(salts=SALTS)).visitor == expected


def test_one_visitor_is_one_within_a_day(a_draft: Make) -> None:
    early = _visitor(a_draft(salts=SALTS, now_ms=NOON_MS - 11 * HOUR_MS))
    late = _visitor(a_draft(salts=SALTS, now_ms=NOON_MS + 12 * HOUR_MS - 1))
    assert early.visitor == late.visitor


@pytest.mark.parametrize(
    "change",
    [
        {"address": "192.0.2.2"},
        {"address": "2001:db8::1"},
        {"agent": b"Mozilla/5.1"},
        {"site": {"id": 2}},
        {"now_ms": NOON_MS + 24 * HOUR_MS},
        {"salts": {DAY: b"z" * 32}},
    ],
)
def test_visitors_differ(a_draft: Make, change: dict[str, object]) -> None:
    one = _visitor(a_draft(salts=SALTS))
    other = _visitor(a_draft(**({"salts": SALTS} | change)))
    assert one.visitor != other.visitor


def test_site_and_address_do_not_run_together(a_draft: Make) -> None:
    one = _visitor(a_draft(salts=SALTS, site={"id": 1}, agent=b"1x"))
    other = _visitor(a_draft(salts=SALTS, site={"id": 11}, agent=b"x"))
    assert one.visitor != other.visitor


def test_an_address_is_one_on_any_socket() -> None:
    assert packed_address(ip_address("192.0.2.1")) == packed_address(ip_address("::ffff:192.0.2.1"))


@pytest.mark.parametrize(
    ("after_midnight_ms", "has_previous"),
    [(0, True), (HOUR_MS - 1, True), (HOUR_MS, False), (12 * HOUR_MS, False)],
)
def test_yesterdays_hash_travels_for_an_hour(
    a_draft: Make, after_midnight_ms: int, has_previous: bool
) -> None:
    yesterday = _visitor(a_draft(salts=SALTS))
    now_ms = NOON_MS + 12 * HOUR_MS + after_midnight_ms
    draft = _visitor(a_draft(salts=SALTS, now_ms=now_ms))
    assert draft.previous == (yesterday.visitor if has_previous else 0)


def test_no_previous_hash_once_yesterdays_salt_is_gone(a_draft: Make) -> None:
    draft = _visitor(a_draft(salts={DAY: b"a" * 32}, now_ms=NOON_MS - 12 * HOUR_MS))
    assert (draft.visitor != 0, draft.previous) == (True, 0)


def test_within_a_longer_period_there_is_no_previous_hash(a_draft: Make) -> None:
    week = {DAY: b"a" * 32, DAY - 1: b"a" * 32}
    draft = _visitor(a_draft(salts=week, now_ms=NOON_MS - 12 * HOUR_MS))
    assert (draft.visitor != 0, draft.previous) == (True, 0)


def test_the_place_is_looked_up(a_draft: Make) -> None:
    draft = a_draft()
    put_place(draft)
    assert draft.to_event().country == "FR"
