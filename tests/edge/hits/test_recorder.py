"""Taking note of documents: nothing waits, nothing is lost unsaid, no address stays."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest
from prometheus_client import REGISTRY

from edge.collector.messages import EndpointRequest
from edge.event import Beacon, Sender
from edge.fronts.served import Asked, Served
from edge.hits import recorder as module
from edge.hits.hit import Hit
from edge.hits.recorder import HitRecorder
from edge.inject.decide import SkipReason
from edge.load_id import make_load_id
from edge.pipeline.agents import Agents
from edge.pipeline.draft import Context, Place
from edge.sites import Site
from tests.support.factories import a_site, an_event

NOON_MS = 1_767_268_800_000
ADDRESS = ip_address("198.51.100.7")
AGENTS = Agents()


class Places:
    def find(self, _address: object, /) -> Place:
        return Place("FR")


class Sink:
    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.fails = self.breaks = False

    async def append(self, _site: Site, hits: Sequence[Hit]) -> bool:
        if self.breaks:
            raise RuntimeError("boom")
        if not self.fails:
            self.hits += hits
        return not self.fails


class Views:
    """The collector's part, without a salt store."""

    def __init__(self) -> None:
        self.observed: list[tuple[Beacon, bool]] = []

    async def context_of(self, sender: Sender) -> Context:
        headers = dict(sender.headers)
        return Context(NOON_MS, headers, {20_454: b"s" * 32}, Places(), AGENTS)

    async def observe(self, view: Beacon, _sender: Sender, *, opted_out: bool) -> None:
        self.observed.append((view, opted_out))


def a_served(site: Site, **changes: object) -> Served:
    headers = [(b"User-Agent", b"Firefox"), (b"Cookie", b"secret=1")]
    asked = Asked(site, "GET", b"/a", headers, "https://shop.example", ADDRESS, opted_out=False)
    served = Served(asked, 200, "injected", 10, 1.0, 2.0, complete=True)
    return replace(served, **changes)  # type: ignore[arg-type]


def lost(reason: str) -> float:
    return REGISTRY.get_sample_value("statflow_hits_lost_total", {"reason": reason}) or 0.0


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def taker(sink: Sink) -> HitRecorder:
    return HitRecorder(sink, lambda: NOON_MS)


async def test_documents_become_hits(taker: HitRecorder, sink: Sink) -> None:
    for _ in range(200):
        taker.note(a_served(a_site()))
    await taker.record(Views())
    assert len(sink.hits) == 200
    assert sink.hits[0].path == "/a"


async def test_a_site_that_wants_none_has_none(taker: HitRecorder, sink: Sink) -> None:
    taker.note(a_served(a_site(hits=False)))
    taker.note(a_served(a_site(), outcome=SkipReason.PARTIAL_REQUEST))
    await taker.record(Views())
    assert sink.hits == []


async def test_without_a_script_a_document_is_a_page_view_whether_or_not_hits_are_kept(
    taker: HitRecorder, sink: Sink
) -> None:
    views = Views()
    taker.note(a_served(a_site(hits=False, measure="edge")))
    taker.note(a_served(a_site(measure="edge"), status=302, is_html=False, location=b"/"))
    await taker.record(views)
    assert [view.url for view, _ in views.observed] == ["https://shop.example/a"]
    assert [hit.status for hit in sink.hits] == [302]


async def test_too_many_are_counted_and_forgotten(
    taker: HitRecorder, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    before = lost("too_many")
    for _ in range(5):
        taker.note(a_served(a_site()))
    await taker.record(Views())
    assert (len(sink.hits), lost("too_many") - before) == (3, 2)


async def test_what_redis_does_not_take_is_counted(taker: HitRecorder, sink: Sink) -> None:
    before = lost("no_room")
    sink.fails = True
    taker.note(a_served(a_site()))
    await taker.record(Views())
    sink.fails, sink.breaks = False, True
    taker.note(a_served(a_site()))
    await taker.record(Views())
    assert lost("no_room") - before == 2


async def test_a_hit_that_cannot_be_made_costs_only_itself(taker: HitRecorder, sink: Sink) -> None:
    before = lost("failed")
    broken = a_served(a_site())
    taker.note(replace(broken, ttfb_ms=float("nan")))
    taker.note(broken)
    await taker.record(Views())
    assert (len(sink.hits), lost("failed") - before) == (1, 1)


async def test_it_goes_on_until_stopped_and_records_what_is_left(
    taker: HitRecorder, sink: Sink
) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(taker.run(stop, Views()))
    await asyncio.sleep(0.01)
    taker.note(a_served(a_site()))
    stop.set()
    await task
    assert len(sink.hits) == 1


async def test_a_fetch_of_the_script_tells_whose_browser_has_it(
    taker: HitRecorder, sink: Sink
) -> None:
    headers = ((b"user-agent", b"Firefox"), (b"referer", b"https://shop.example/a"))
    request = EndpointRequest(
        "GET", "/sf/0123456789.js", "", headers, b"", ADDRESS, a_site(), NOON_MS, secure=True
    )
    taker.note(a_served(a_site()))
    taker.note_script(request)
    taker.note_script(request._replace(headers=(*headers, (b"sec-gpc", b"1"))))
    await taker.record(Views())
    document, script = sink.hits
    assert (script.kind, script.visitor) == ("script", document.visitor)
    assert (script.path, script.from_path, script.capture) == ("", "", "aside")


@pytest.mark.parametrize("is_ahead", [True, False])
async def test_a_document_fetched_ahead_counts_once_it_is_shown(
    taker: HitRecorder, sink: Sink, is_ahead: bool
) -> None:
    site = a_site(load_key="key")
    load_id = make_load_id(site, 0xABCDEF012345, is_ahead=is_ahead)
    taker.note_activated(site, an_event(load_id=load_id, is_first=True, path="/b"))
    await taker.record(Views())
    shown = [(hit.kind, hit.capture, hit.path) for hit in sink.hits]
    assert shown == ([("activated", "eligible", "/b")] if is_ahead else [])
