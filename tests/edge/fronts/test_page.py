"""Whatever fails in the injector, the page passes byte for byte or is visibly cut."""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from edge.fronts import page as page_module
from edge.fronts.breaker import State
from edge.fronts.control import Control
from edge.fronts.ledger import LEDGER
from edge.fronts.page import Page, PageCorruptError
from edge.fronts.served import Served
from edge.inject.decide import SkipReason
from edge.inject.plan import Tag
from edge.sites import Mode, Site, Snapshot
from edge.wire.fields import Field, Fields
from edge.wire.hsts import HSTS
from tests.support.factories import a_site

TAG = Tag("/sf/0123456789.js", "/sf/e", "/sf/m/", "0123456789", 1_700_000_000)
MARKUP = b'<script async="async" src="/sf/0123456789.js"></script>'
HTML = [(b"Content-Type", b"text/html; charset=utf-8"), (b"Content-Length", b"58")]
BODY = b"<!doctype html><html><head><title>x</title></head></html>\n"


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        self.at += 0.25
        return self.at


class Broken:
    """A rewriter that fails at its nth chunk; ``first`` is what it gives for the first one."""

    outcome = None

    def __init__(self, at: int, first: bytes) -> None:
        self._left, self._first = at, first

    def feed(self, chunk: bytes) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("boom")
        return self._first and chunk

    def finish(self) -> bytes:
        raise RuntimeError("boom")


@pytest.fixture
def served() -> list[Served]:
    return []


@pytest.fixture
def a_page(served: list[Served]) -> Callable[..., Page]:
    def make(*, tag_for: Callable[[Site], Tag] = lambda _: TAG, **changes: Any) -> Page:
        return Page(a_site(**changes), tag_for, Clock(), served.append)

    return make


def ask(page: Page, body: bytes = BODY, size: int = 10) -> bytes:
    page.request("GET", b"/", [(b"Host", b"shop.example")], "http://shop.example")
    page.response(200, HTML, has_body=True)
    out = b"".join(page.feed(body[i : i + size]) for i in range(0, len(body), size))
    return out + page.finish()


def test_a_page_is_injected_and_reported(a_page: Callable[..., Page], served: list[Served]) -> None:
    page = a_page()
    out = ask(page)
    page.close(complete=True)
    page.close(complete=False)

    assert out.replace(MARKUP, b"") == BODY
    assert out.count(MARKUP) == 1
    (report,) = served
    assert (report.outcome, report.sent_bytes, report.complete) == ("injected", len(out), True)
    assert (report.site_id, report.status, report.ttfb_ms) == (1, 200, 250.0)


def test_shadow_counts_only(a_page: Callable[..., Page], served: list[Served]) -> None:
    page = a_page(mode=Mode.SHADOW.value)
    assert ask(page) == BODY
    page.close(complete=True)

    assert [report.outcome for report in served] == [SkipReason.SHADOW]


def test_no_tag_no_change(a_page: Callable[..., Page], served: list[Served]) -> None:
    def fail(_: Site) -> Tag:
        raise RuntimeError("boom")

    page = a_page(tag_for=fail)
    assert ask(page) == BODY
    page.close(complete=True)

    assert [report.outcome for report in served] == [SkipReason.FAILED]


@pytest.mark.parametrize("name", ["plan_request", "plan_response"])
def test_no_plan_no_change(
    a_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(page_module, name, fail)
    page = a_page()
    fields = [(b"Host", b"shop.example"), (b"Accept-Encoding", b"br, foo")]

    sent = page.request("GET", b"/", fields, "http://shop.example")
    assert sent == fields or name == "plan_response"
    assert page.response(200, HTML, has_body=True) == HTML
    assert page.feed(BODY) + page.finish() == BODY


@pytest.mark.parametrize("at", [0, 3])
def test_a_rewriter_that_fails_while_holding_gives_the_original(
    a_page: Callable[..., Page], at: int, served: list[Served]
) -> None:
    page = a_page()
    page.request("GET", b"/", [], "http://shop.example")
    page.response(200, HTML, has_body=True)
    page._rewriter = Broken(at, b"")

    assert b"".join(page.feed(bytes([byte])) for byte in BODY) + page.finish() == BODY
    page.close(complete=True)
    assert [report.outcome for report in served] == [SkipReason.FAILED]


def test_a_rewriter_that_fails_at_the_end_gives_the_original(a_page: Callable[..., Page]) -> None:
    page = a_page()
    page.request("GET", b"/", [], "http://shop.example")
    page.response(200, HTML, has_body=True)
    page._rewriter = Broken(9, b"")

    assert page.feed(BODY) + page.finish() == BODY


def test_a_rewriter_that_fails_later_cuts_the_answer(a_page: Callable[..., Page]) -> None:
    page = a_page()
    page.request("GET", b"/", [], "http://shop.example")
    page.response(200, HTML, has_body=True)
    page._rewriter = Broken(1, b"x")

    assert page.feed(b"one") == b"one"
    with pytest.raises(PageCorruptError):
        page.feed(b"two")


def test_an_answer_cut_before_the_place_is_aborted(
    a_page: Callable[..., Page], served: list[Served]
) -> None:
    page = a_page()
    page.request("GET", b"/", [], "http://shop.example")
    page.response(200, HTML, has_body=True)
    page.feed(b"<!doct")
    page.close(complete=False)

    assert [(report.outcome, report.complete) for report in served] == [("aborted", False)]


def test_what_is_no_document_is_not_reported(
    a_page: Callable[..., Page], served: list[Served]
) -> None:
    page = a_page()
    page.request("GET", b"/", [], "http://shop.example")
    page.response(200, [(b"Content-Type", b"image/png")], has_body=True)
    assert not page.watches
    page.close(complete=True)

    assert served == []


def test_a_listener_that_fails_concerns_nobody(a_page: Callable[..., Page]) -> None:
    def fail(_: Served) -> None:
        raise RuntimeError("boom")

    labels = {"site": "1", "outcome": "listener_failed"}
    before = REGISTRY.get_sample_value("statflow_documents_total", labels) or 0
    page = Page(a_site(), lambda _: TAG, Clock(), fail)
    ask(page)
    page.close(complete=True)
    assert REGISTRY.get_sample_value("statflow_documents_total", labels) == before + 1


@pytest.mark.parametrize(
    ("https", "origin", "says"),
    [
        ("redirect+hsts", "https://shop.example", True),
        ("redirect+hsts", "http://shop.example", False),
        ("redirect", "https://shop.example", False),
    ],
)
def test_a_secure_answer_says_hsts_where_the_site_asks_for_it(
    a_page: Callable[..., Page], https: str, origin: str, says: bool
) -> None:
    page = a_page(https=https)
    page.request("GET", b"/", [(b"Host", b"shop.example")], origin)

    assert (HSTS in page.response(304, [], has_body=False)) is says


def test_hsts_is_said_when_the_injector_fails_too(a_page: Callable[..., Page]) -> None:
    def no_tag(_: Site) -> Tag:
        raise RuntimeError("boom")

    page = a_page(tag_for=no_tag, https="redirect+hsts")
    page.request("GET", b"/", [(b"Host", b"shop.example")], "https://shop.example")

    assert page.response(200, HTML, has_body=True) == [*HTML, HSTS]


class Ticking:
    """A ``perf_counter`` that tests move on."""

    def __init__(self) -> None:
        self.at = 50.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    clock = Ticking()
    monkeypatch.setattr(page_module, "perf_counter", clock)
    return clock


DOCUMENT = [(b"Host", b"shop.example"), (b"Sec-Fetch-Dest", b"document")]


def served_by(
    site: Site,
    control: Control | None = None,
    *,
    asked: Fields = DOCUMENT,
    status: int = 200,
    answered: Fields = HTML,
    body: bytes = BODY,
    complete: bool = True,
    tag_for: Callable[[Site], Tag] = lambda _: TAG,
) -> list[Field]:
    """Serve one page; returns the fields for the client."""
    page = Page(site, tag_for, Clock(), None, control or Control())
    page.request("GET", b"/", asked, "http://shop.example")
    fields = page.response(status, answered, has_body=True)
    page.feed(body)
    if complete:
        page.finish()
    page.close(complete=complete)
    return fields


def no_tag(_: Site) -> Tag:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("changes", "eligible"),
    [
        ({}, 1),
        ({"body": b"{}"}, 1),
        ({"complete": False}, 1),
        ({"tag_for": no_tag}, 1),
        ({"asked": [(b"Sec-Fetch-Dest", b"empty")]}, 0),
        ({"answered": [*HTML, (b"Cache-Control", b"no-transform")]}, 0),
        ({"status": 302}, 0),
    ],
)
def test_eligible_is_what_may_have_the_tag_by_its_fields(
    changes: dict[str, Any], eligible: int
) -> None:
    before = LEDGER.of(2001).eligible
    served_by(a_site(id=2001), **changes)
    assert LEDGER.of(2001).eligible == before + eligible


@pytest.mark.parametrize("mode", ["on", "shadow", "canary", "off", "killed", "breaker"])
def test_eligible_means_the_same_whatever_switches_the_tag_off(mode: str) -> None:
    switches: dict[str, Any] = {"mode": mode} if mode in set(Mode) else {}
    site = a_site(id=2002, canary_percent=0, **switches)
    control = Control(lambda: Snapshot(1, (site,), injection=mode != "killed"))
    if mode == "breaker":
        for _ in range(5):
            control.record_tried(site.id, failed=True, aborted=False, late=None)
    before = LEDGER.of(2002).eligible
    served_by(site, control)
    served_by(site, control, asked=[(b"Sec-Fetch-Dest", b"empty")])
    served_by(site, control, status=301)
    assert LEDGER.of(2002).eligible == before + 1


def test_added_latency_is_what_we_used_and_how_long_we_held_the_page(ticking: Ticking) -> None:
    page = Page(a_site(id=2003), lambda _: TAG, Clock())
    page.request("GET", b"/", DOCUMENT, "http://shop.example")
    ticking.at += 3.0
    page.response(200, HTML, has_body=True)
    assert not page.feed(b"<!doctype html>")
    ticking.at += 0.2
    assert page.feed(b"<html><head><title>")
    ticking.at += 5.0
    page.feed(b"x</title>")
    page.finish()
    page.close(complete=True)

    added, ttfb = LEDGER.of(2003).added, LEDGER.of(2003).ttfb
    assert added.total == pytest.approx(0.2)
    assert (sum(added.counts), sum(ttfb.counts)) == (1, 1)
    assert ttfb.total == 0.25


def test_a_page_that_is_held_to_its_end_was_held_until_then(ticking: Ticking) -> None:
    page = Page(a_site(id=2004), lambda _: TAG, Clock())
    page.request("GET", b"/", DOCUMENT, "http://shop.example")
    page.response(200, HTML, has_body=True)
    assert not page.feed(b"<!doctype html>")
    ticking.at += 0.5
    assert page.finish() == b"<!doctype html>" + MARKUP
    page.close(complete=True)
    assert LEDGER.of(2004).added.total == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("site", "changes", "said"),
    [
        ({}, {}, []),
        ({"debug": True}, {}, []),
        (
            {"debug": True},
            {"answered": [(b"Content-Type", b"image/png")]},
            [b"skipped:content_type"],
        ),
        ({"debug": True}, {"tag_for": no_tag}, [b"skipped:failed"]),
        ({"debug": True, "mode": "off"}, {}, [b"skipped:off"]),
        ({"debug": True, "mode": "shadow"}, {}, [b"skipped:shadow"]),
        ({"debug": True}, {"status": 304}, [b"skipped:not_modified"]),
        ({"debug_key": "k"}, {}, []),
        ({"debug_key": "k"}, {"asked": [*DOCUMENT, (b"X-Statflow-Debug", b"wrong")]}, []),
    ],
)
def test_who_debugs_is_told_what_is_known_when_the_fields_go_out(
    site: dict[str, Any], changes: dict[str, Any], said: list[bytes]
) -> None:
    fields = served_by(a_site(id=2005, **site), **changes)
    assert [value for name, value in fields if name == b"X-Statflow"] == said


def test_pages_that_are_left_because_of_the_tag_open_the_breaker() -> None:
    site, control = a_site(id=2006), Control()
    for _ in range(20):
        assert control.state(site.id) is State.CLOSED
        served_by(site, control, complete=False)
    assert control.state(site.id) is State.OPEN


def test_pages_that_are_left_anyway_do_not() -> None:
    site, control = a_site(id=2007), Control()
    plain = [*HTML, (b"Cache-Control", b"no-transform")]
    served_by(site, control, answered=plain, complete=False)
    out = a_site(id=2007, mode="canary", canary_percent=0)
    for _ in range(200):
        served_by(out, control, complete=False)
    for _ in range(50):
        served_by(site, control, complete=False)
    assert control.state(site.id) is State.CLOSED


def test_a_page_cut_because_of_us_is_a_failure() -> None:
    site, control = a_site(id=2008), Control()
    for _ in range(5):
        page = Page(site, lambda _: TAG, Clock(), None, control)
        page.request("GET", b"/", DOCUMENT, "http://shop.example")
        page.response(200, HTML, has_body=True)
        page._rewriter = Broken(1, b"x")
        page.feed(b"one")
        with pytest.raises(PageCorruptError):
            page.feed(b"two")
        page.close(complete=False)
    assert LEDGER.of(2008).outcomes == {"failed": 5}
    assert control.state(site.id) is State.OPEN


def test_trials_that_do_well_close_it_again() -> None:
    at = 100.0
    control = Control(now=lambda: at)
    site = a_site(id=2009)
    for _ in range(5):
        served_by(site, control, tag_for=no_tag)
    at += 30
    for _ in range(9):
        served_by(site, control)
        served_by(site, control, answered=[(b"Content-Type", b"image/png")])
    assert control.state(site.id) is State.HALF_OPEN
    served_by(site, control)
    assert control.state(site.id) is State.CLOSED
    assert LEDGER.of(2009).outcomes == {"failed": 5, "injected": 10}


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([BODY], b"injected"),
        ([BODY[:4], BODY[4:]], b"injected"),
        ([b"{}"], b"skipped:not_markup"),
        ([], b"skipped:empty"),
    ],
)
def test_the_head_of_an_explained_page_waits_for_its_first_bytes(
    pieces: list[bytes], said: bytes
) -> None:
    page = Page(a_site(id=2051, debug=True), lambda _: TAG, Clock(), None, Control())
    page.request("GET", b"/", DOCUMENT, "http://shop.example")
    fields = page.response(200, HTML, has_body=True)
    assert page.withholds_head
    assert b"X-Statflow" not in [name for name, _ in fields]
    if not any(page.feed(piece) for piece in pieces):
        page.finish()
    assert page.explanation == (b"X-Statflow", said)
