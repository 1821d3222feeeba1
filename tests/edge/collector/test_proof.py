"""What would be stored about this very request, on the page where one may say no."""

from ipaddress import ip_address

import pytest

from edge.collector.proof import LABELS, render_proof
from edge.event import Event
from edge.outcomes import DropReason
from edge.sites import SaltPeriod
from tests.edge.collector.conftest import Edge
from tests.support.factories import an_event

SOMEBODY = ip_address("198.51.100.7")


def test_no_field_can_be_kept_that_is_not_shown() -> None:
    assert LABELS.keys() == set(Event._fields) - {"site_id", "previous"}
    values = {
        name: f"<{name}>" for name in Event._fields if isinstance(getattr(an_event(), name), str)
    }
    page = render_proof(an_event(**values, props={"plan": "<pro>"}), SOMEBODY)
    for value in values.values():
        assert value.replace("<", "&lt;").replace(">", "&gt;") in page
    assert "plan: &lt;pro&gt;" in page
    assert "<pro>" not in page


def test_numbers_are_written_for_people() -> None:
    page = render_proof(an_event(visitor=77), SOMEBODY)
    assert "2026-01-01 00:00:00 UTC" in page
    assert "<td>2026-01-01</td>" in page
    assert "<td>77</td>" in page
    assert str(SOMEBODY) in page
    assert "255" not in page


@pytest.mark.parametrize("reason", DropReason)
def test_who_is_not_counted_is_told_why(reason: DropReason) -> None:
    page = render_proof(reason, SOMEBODY)
    assert "nothing would be kept" in page
    assert "<table>" not in page


def test_the_page_shows_what_the_pipeline_makes_of_the_request(edge: Edge) -> None:
    before = len(edge.buffer.events)
    page = b"https://shop.example/orders?utm_source=News&secret=alice%40shop.example"
    answer = edge.ask("GET", "/sf/opt-out", add=[(b"Referer", page)])
    assert b'<th scope="row">Campaign source</th><td>News</td>' in answer.body
    assert b"<td>/orders</td>" in answer.body
    assert b"alice" not in answer.body
    assert len(edge.buffer.events) == before


@pytest.mark.parametrize("referrer", [b"", b"https://evil.example/x", b"http://[", b"\xff"])
def test_a_foreign_page_is_never_the_example(edge: Edge, referrer: bytes) -> None:
    answer = edge.ask("GET", "/sf/opt-out", add=[(b"Referer", referrer)])
    assert b"<td>/</td>" in answer.body
    assert b"evil" not in answer.body


def test_who_said_no_is_shown_that_nothing_is_kept(edge: Edge) -> None:
    answer = edge.ask("GET", "/sf/opt-out", add=[(b"Cookie", b"sf_out=1")])
    assert b"nothing would be kept" in answer.body
    answer = edge.ask("GET", "/sf/opt-out", add=[(b"Sec-GPC", b"1")])
    assert b"nothing would be kept" in answer.body


@pytest.mark.parametrize("period", SaltPeriod)
def test_it_says_how_long_the_number_lives(period: SaltPeriod) -> None:
    page = render_proof(an_event(), SOMEBODY, period)
    assert f"after this {period}: the next {period}'s number" in page
