"""From a served document to a hit: what is told of it, and what is not."""

from ipaddress import ip_address
from typing import Any

import pytest

from edge.event import Sender
from edge.fronts.served import Asked, Served
from edge.hits.derive import derive_hit, is_hit, is_view, sender_of
from edge.hits.hit import Capture, Hit, decode_hits, encode_hits
from edge.inject.decide import SkipReason
from edge.outcomes import DropReason
from edge.pipeline.agents import Agents
from edge.pipeline.draft import Context, Place
from edge.pipeline.identity import visitor_hash
from tests.support.factories import a_site

NOON_MS = 1_767_268_800_000
DAY = 20_454
ADDRESS = ip_address("198.51.100.7")
CHROME = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/141.0.0.0 Safari/537.36"
)
DOCUMENT = [
    (b"User-Agent", CHROME),
    (b"Accept-Language", b"fr"),
    (b"Sec-Fetch-Dest", b"document"),
    (b"Sec-Fetch-Mode", b"navigate"),
    (b"Sec-Fetch-Site", b"none"),
    (b"Sec-CH-UA", b'"Chromium";v="141"'),
]
AGENTS = Agents()


class Places:
    def find(self, _address: object, /) -> Place:
        return Place("FR")


def a_served(*more: tuple[bytes, bytes], **changes: Any) -> Served:
    site = changes.pop("site", {})
    asked = Asked(
        a_site(**{"load_key": "key"} | site),
        changes.pop("method", "GET"),
        changes.pop("target", b"/shop/lamp?utm_source=letter&sid=7"),
        [*changes.pop("headers", DOCUMENT), *more],
        "https://shop.example",
        ADDRESS,
        changes.pop("opted_out", False),
    )
    values: dict[str, Any] = {
        "status": 200, "outcome": "injected", "sent_bytes": 21_000, "ttfb_ms": 12.4,
        "duration_ms": 20.6, "complete": True, "shows_tag": True, "load_id": 99,
    }  # fmt: skip
    return Served(asked, **values | changes)


def hit_of(served: Served) -> Hit:
    hit = try_hit(served)
    assert isinstance(hit, Hit), hit
    return hit


def try_hit(served: Served) -> Hit | DropReason:
    headers = {name.lower(): value for name, value in served.asked.headers}
    context = Context(NOON_MS, headers, {DAY: b"s" * 32}, Places(), AGENTS)
    return derive_hit(served, sender_of(served.asked, ADDRESS, NOON_MS), context)


def test_a_hit_tells_what_was_served_to_whom() -> None:
    hit = hit_of(a_served())
    assert (hit.site_id, hit.ts_ms, hit.local_day) == (1, NOON_MS, DAY)
    assert (hit.hostname, hit.path, hit.status) == ("shop.example", "/shop/lamp", 200)
    assert (hit.sent_bytes, hit.ttfb_ms, hit.duration_ms) == (21_000, 12, 21)
    assert (hit.country, hit.browser, hit.os, hit.device) == ("FR", "Chrome", "Linux", "Desktop")
    assert (hit.outcome, hit.capture, hit.load_id) == ("injected", "eligible", 99)
    assert hit.visitor != 0
    assert (hit.bot, hit.evidence) == ("", 0)


def test_the_visitor_is_the_same_as_of_the_events() -> None:
    served = a_served()
    sender = Sender(served.asked.site, ADDRESS, CHROME, {}, NOON_MS)
    assert hit_of(served).visitor == visitor_hash(b"s" * 32, sender)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"headers": [*DOCUMENT, (b"DNT", b"1")]}, "dnt"),
        ({"headers": [*DOCUMENT, (b"Sec-GPC", b"1")]}, "gpc"),
        ({"opted_out": True}, "opted_out"),
    ],
)
def test_of_who_refuses_nothing_tells_visitors_apart(changes: Any, refusal: str) -> None:
    referrer = (b"Referer", b"https://news.example/article")
    hit = hit_of(a_served(referrer, load_id=0, **changes))
    assert (hit.refusal, hit.capture) == (refusal, "refused")
    assert (hit.visitor, hit.country, hit.referrer_host, hit.from_path) == (0, "", "", "")


@pytest.mark.parametrize(
    ("referrer", "host", "path"),
    [
        (b"https://news.example/a?b=1", "news.example", ""),
        (b"https://shop.example/journal/7?sid=3", "", "/journal/7"),
        (b"https://www.shop.example/me/anna@example.org", "", "/me/[email]"),
        (b"https://[", "", ""),
        (b"", "", ""),
    ],
)
def test_where_a_visitor_came_from(referrer: bytes, host: str, path: str) -> None:
    hit = hit_of(a_served((b"Referer", referrer)))
    assert (hit.referrer_host, hit.from_path) == (host, path)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (b"/basket?token=1", "/basket"),
        (b"https://www.shop.example/x", "/x"),
        (b"https://pay.example/start?order=7", "pay.example/start"),
        (b"javascript:alert(1)", ""),
        (b"https://[", ""),
    ],
)
def test_a_redirect_keeps_no_query(location: bytes, shown: str) -> None:
    served = a_served(status=302, is_html=False, location=location, shows_tag=False, load_id=0)
    hit = hit_of(served)
    assert (hit.redirect, hit.capture) == (shown, "aside")


@pytest.mark.parametrize(
    ("changes", "capture"),
    [
        ({}, Capture.ELIGIBLE),
        ({"bars_beacon": True}, Capture.META_POLICY),
        ({"load_id": 0}, Capture.CACHEABLE),
        ({"status": 304, "is_html": False, "outcome": SkipReason.NOT_MODIFIED}, Capture.ELIGIBLE),
        ({"outcome": SkipReason.CHARSET, "shows_tag": False, "load_id": 0}, Capture.UNTAGGED),
        ({"complete": False}, Capture.ASIDE),
        ({"headers": [*DOCUMENT, (b"Sec-Purpose", b"prefetch")]}, Capture.AHEAD),
        ({"headers": [(b"User-Agent", CHROME), (b"Sec-Fetch-Dest", b"iframe")]}, Capture.ASIDE),
    ],
)
def test_what_keeps_a_document_from_being_confirmed(changes: Any, capture: Capture) -> None:
    assert hit_of(a_served(**changes)).capture == capture


def test_a_crawler_is_named_and_a_scanner_s_path_is_a_sign() -> None:
    gptbot = b"Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"
    hit = hit_of(a_served(headers=[(b"User-Agent", gptbot)], target=b"/.env"))
    assert (hit.bot, hit.operator) == ("ai_training", "OpenAI")
    assert hit.evidence & 1 << 8


@pytest.mark.parametrize(
    ("shield", "reason"),
    [
        ({"networks": ["198.51.100.0/24"]}, "shielded_ip"),
        ({"countries": ["FR"]}, "shielded_country"),
        ({"paths": ["/shop/**"]}, "shielded_path"),
        ({"hosts": ["shop.example"]}, "hostname_not_allowed"),
    ],
)
def test_shields_keep_hits_out_as_they_do_events(shield: Any, reason: str) -> None:
    rule = {"id": "own", "kind": "traffic", "action": "drop", **shield}
    assert try_hit(a_served(site={"rules": [rule]})) == reason


def test_pieces_that_scripts_ask_for_are_no_hits() -> None:
    assert is_hit(a_served())
    for outcome in (SkipReason.NOT_DOCUMENT, SkipReason.PARTIAL_REQUEST, SkipReason.HEAD):
        assert not is_hit(a_served(outcome=outcome))


@pytest.mark.parametrize(
    ("changes", "view"),
    [
        ({}, True),
        ({"status": 404}, True),
        ({"status": 304, "is_html": False}, True),
        ({"status": 302, "is_html": False, "location": b"/x"}, False),
        ({"method": "POST"}, False),
        ({"headers": [*DOCUMENT, (b"Sec-Purpose", b"prefetch;prerender")]}, False),
        ({"headers": [(b"Sec-Fetch-Dest", b"iframe")]}, False),
        ({"complete": False, "sent_bytes": 0}, False),
    ],
)
def test_what_counts_as_a_page_view_where_there_is_no_script(changes: Any, view: bool) -> None:
    assert is_view(a_served(**changes)) is view


def test_hits_survive_their_serial_form() -> None:
    hits = [hit_of(a_served()), hit_of(a_served(status=404))]
    assert decode_hits(encode_hits(hits)) == hits


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"[2,[]]", b"[1,[[1]]]", b"[1,7]", b"[1]"])
def test_what_are_no_hits_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        decode_hits(raw)
