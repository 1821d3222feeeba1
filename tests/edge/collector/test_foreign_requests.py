"""Requests of other trackers, answered under a site's prefix."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest

from edge.collector.endpoints import EndpointResponse
from edge.collector.foreign_requests import find_named_site
from edge.names import Api
from edge.outcomes import DropReason
from tests.edge.collector.conftest import NOON_MS, Edge, header
from tests.support.factories import a_site

TOKEN = "sft_secret"
DIGEST = sha256(TOKEN.encode()).hexdigest()
VIEW = {"n": "pageview", "u": "https://shop.example/tea", "d": "shop.example"}
SERVER = (b"Authorization", b"Bearer " + TOKEN.encode())
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def umami(**payload: Any) -> dict[str, Any]:
    whole = {"website": "shop.example", "hostname": "shop.example", "url": "/tea", **payload}
    return {"type": "event", "payload": whole}


def send(edge: Edge, api: Api, document: Any, **changes: Any) -> EndpointResponse:
    return edge.ask("POST", f"/sf/{api}", orjson.dumps(document), **changes)


def test_plausible_is_answered_202_ok(edge: Edge) -> None:
    answer = send(edge, Api.PLAUSIBLE, VIEW)
    assert (answer.status, answer.body) == (202, b"ok")
    assert header(answer, b"Access-Control-Allow-Origin") == b"https://shop.example"
    assert header(answer, b"X-Plausible-Dropped") is None
    (event,) = edge.buffer.events
    assert (event.name, event.path, event.browser) == ("pageview", "/tea", "Firefox")


def test_plausible_is_told_in_its_header_when_an_event_is_dropped(edge: Edge) -> None:
    answer = send(edge, Api.PLAUSIBLE, VIEW, add=[(b"Sec-GPC", b"1")])
    assert (answer.status, header(answer, b"X-Plausible-Dropped")) == (202, b"1")
    assert edge.buffer.events == []


def test_the_published_example_of_the_events_api_is_taken(edge: Edge) -> None:
    """What ``curl --data-binary`` sends in Plausible's documentation, but for the site's name."""
    body = b'{"name":"pageview","url":"http://shop.example","domain":"shop.example","width":1666}'
    form = (b"Content-Type", b"application/x-www-form-urlencoded")
    answer = edge.ask("POST", f"/sf/{Api.PLAUSIBLE}", body, add=[form, (b"accept", b"*/*")])
    assert answer.status == 202
    (event,) = edge.buffer.events
    assert (event.name, event.path) == ("pageview", "/")


def test_umami_is_answered_as_its_script_reads_it(edge: Edge) -> None:
    answer = send(edge, Api.UMAMI, umami(name="Buy", data={"seats": 2}, language="de-CH"))
    assert answer.status == 200
    assert orjson.loads(answer.body) == {"cache": "", "sessionId": "", "visitId": ""}
    (event,) = edge.buffer.events
    assert (event.name, event.props, event.language) == ("Buy", {"seats": "2"}, "de")


def test_a_batch_is_reported_document_by_document(edge: Edge) -> None:
    batch = [umami(), umami(website="other.example"), 7, umami(name="Buy"), umami(url=5)]
    answer = send(edge, Api.UMAMI_BATCH, batch)
    report = orjson.loads(answer.body)
    assert (answer.status, report["size"], report["processed"], report["errors"]) == (200, 5, 2, 3)
    assert [detail["index"] for detail in report["details"]] == [1, 2, 4]
    assert [event.name for event in edge.buffer.events] == ["pageview", "Buy"]
    assert edge.buffer.drops == {DropReason.INVALID_PAYLOAD: 3}


def test_the_site_need_not_be_named_where_the_host_names_it(edge: Edge) -> None:
    send(edge, Api.PLAUSIBLE, {"n": "pageview", "u": "https://shop.example/"})
    assert len(edge.buffer.events) == 1


@pytest.mark.parametrize(
    ("api", "document", "status"),
    [
        (Api.PLAUSIBLE, VIEW | {"d": "other.example"}, 400),
        (Api.PLAUSIBLE, VIEW | {"u": "/tea"}, 400),
        (Api.PLAUSIBLE, [VIEW], 400),
        (Api.UMAMI, {"type": "event"}, 200),
        (Api.UMAMI, umami(website="other.example"), 400),
        (Api.UMAMI_BATCH, umami(), 400),
        (Api.UMAMI_BATCH, [], 400),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_of_it_kept(
    edge: Edge, api: Api, document: Any, status: int
) -> None:
    assert send(edge, api, document).status == status
    assert edge.buffer.events == []


def test_a_page_of_somebody_else_may_not_send(edge: Edge) -> None:
    answer = send(edge, Api.PLAUSIBLE, VIEW, add=[(b"Origin", b"https://other.example")])
    assert answer.status == 403
    assert header(answer, b"Access-Control-Allow-Origin") is None


def test_a_browser_may_ask_before_it_sends_json(edge: Edge) -> None:
    answer = edge.ask("OPTIONS", f"/sf/{Api.UMAMI}")
    assert answer.status == 204
    assert b"X-Umami-Cache" in (header(answer, b"Access-Control-Allow-Headers") or b"")


def test_only_posts_are_taken(edge: Edge) -> None:
    assert edge.ask("GET", f"/sf/{Api.UMAMI}").status == 405


TELLS = (
    (b"X-Forwarded-For", b"198.51.100.7, 10.0.0.1"),
    (b"User-Agent", PHONE.encode()),
)


def test_a_server_with_the_sites_token_speaks_for_its_visitors(
    an_edge: Callable[..., Edge],
) -> None:
    edge = an_edge(write_tokens=[DIGEST])
    lines = [(), (SERVER,), (SERVER, (b"X-Forwarded-For", b"198.51.100.8"))]
    for line in lines:
        sent = dict([*TELLS, *line])
        send(edge, Api.PLAUSIBLE, VIEW, add=sent.items(), drop=[b"Origin", b"Sec-Fetch-Site"])
    without, with_token, of_another = edge.buffer.events
    assert len({without.visitor, with_token.visitor, of_another.visitor}) == 3
    assert with_token.os == "iOS"


def test_without_a_token_nobody_is_who_they_say(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(write_tokens=[DIGEST])
    wrong = (b"Authorization", b"Bearer sft_wrong")
    for address in (b"198.51.100.7", b"198.51.100.8"):
        send(edge, Api.PLAUSIBLE, VIEW, add=[wrong, (b"X-Forwarded-For", address)])
    send(edge, Api.UMAMI, umami(ip="198.51.100.9", userAgent=PHONE, timestamp=NOON_MS / 1000 - 60))
    one, other, third = edge.buffer.events
    assert one.visitor == other.visitor == third.visitor
    assert (third.os, third.ts_ms) == ("Linux", one.ts_ms)


def test_what_a_document_says_of_its_visitor_counts_with_a_token(
    an_edge: Callable[..., Edge],
) -> None:
    edge = an_edge(write_tokens=[DIGEST])
    batch = [
        umami(ip="198.51.100.7", userAgent=PHONE, timestamp=NOON_MS // 1000 - 60),
        umami(ip="198.51.100.7", userAgent=PHONE),
        umami(ip="198.51.100.8", userAgent=PHONE),
    ]
    send(edge, Api.UMAMI_BATCH, batch, add=[SERVER])
    first, second, third = edge.buffer.events
    assert first.visitor == second.visitor != third.visitor
    assert first.os == "iOS"
    assert second.ts_ms - first.ts_ms == pytest.approx(60_000, abs=1_000)


def test_the_site_is_found_by_what_the_document_names() -> None:
    sites = [a_site(), a_site(id=2, host="b.example", public_key="stk_b")]
    for name, wanted in (("b.example", 2), ("stk_b", 2), ("shop.example", 1)):
        found = find_named_site(Api.PLAUSIBLE, orjson.dumps(VIEW | {"d": name}), sites)
        assert found is not None
        assert found.id == wanted
    assert find_named_site(Api.PLAUSIBLE, b"{}", sites) is None
    assert find_named_site(Api.UMAMI, b"nothing", sites) is None
    body = orjson.dumps([umami(website="b.example")])
    assert find_named_site(Api.UMAMI_BATCH, body, sites) == sites[1]
