"""Explaining a URL: the same answers as the code that serves."""

from typing import Any

import pytest

from edge.collector.client_ip import parse_networks
from edge.explain import Knowledge, Question, explain, fetch_plan
from edge.fronts.control import Control
from edge.fronts.reception import Reception
from edge.inject.plan import Tag
from edge.pipeline.draft import Device, Place
from edge.sites import Site, Snapshot
from tests.support.factories import a_site

NOW_MS = 1_767_268_800_000
TAG = Tag("/sf/0123456789.js", "/sf/e", "/sf/m/", "0123456789", 1_700_000_000)


class OnlyScripts:
    def owns(self, site: Site, path: str) -> bool:
        return path == f"{site.prefix}/tracker.js"


class France:
    def find(self, _address: object) -> Place:
        return Place("FR")


class Firefox:
    def read(self, _agent: bytes) -> Device:
        return Device("Firefox", "132", "Linux", "", "Desktop")


def knowing(*, injection: bool = True, **site: Any) -> Knowledge:
    snapshot = Snapshot(1, (a_site(**site),), injection)
    reception = Reception(lambda: snapshot, OnlyScripts(), parse_networks(""))
    control = Control(lambda: snapshot)
    return Knowledge(reception, control, lambda _site: TAG, France(), Firefox())


def asked(
    url: str = "https://shop.example/a?utm_source=letter&email=a@b.co", **more: Any
) -> Question:
    return Question(url, **more)


def test_a_plain_page_gets_the_tag_and_every_check_was_passed() -> None:
    said = explain(asked(), knowing(), NOW_MS)
    assert (said.site, said.handled_by) == ("shop.example", "origin")
    assert said.inject
    assert said.reason == "injected"
    assert "/sf/0123456789.js" in said.tag
    assert said.won == ""
    assert len(said.tried) > 20
    assert not any(check.matched for check in said.tried)


def test_it_says_what_a_page_view_would_leave_and_nothing_of_the_visitor() -> None:
    said = explain(asked(headers=((b"Referer", b"https://www.google.com/"),)), knowing(), NOW_MS)
    assert said.stores["path"] == "/a"
    assert said.stores["source"] == "letter"
    assert said.stores["country"] == "FR"
    assert said.stores["browser"] == "Firefox"
    assert "visitor" not in said.stores
    assert "a@b.co" not in str(said.stores)


@pytest.mark.parametrize(
    ("site", "question", "reason"),
    [
        ({}, {"method": "POST"}, "method"),
        ({"mode": "off"}, {}, "off"),
        ({"mode": "shadow"}, {}, "shadow"),
        ({"mode": "canary", "canary_percent": 0}, {}, "canary"),
        ({"injection": False}, {}, "killed"),
        ({}, {"headers": ((b"HX-Request", b"true"),)}, "partial_request"),
        ({}, {"status": 304}, "not_modified"),
        ({}, {"answer_headers": ((b"Content-Type", b"application/json"),)}, "content_type"),
        ({}, {"body": b"<p>only a piece</p>"}, "fragment"),
    ],
)
def test_the_check_that_decides_is_the_last_one_tried(
    site: dict[str, Any], question: dict[str, Any], reason: str
) -> None:
    said = explain(asked(**question), knowing(**site), NOW_MS)
    assert not said.inject
    assert said.reason == said.won == said.tried[-1].rule == reason
    assert said.tried[-1].matched
    assert said.meaning


def test_what_the_edge_answers_itself_is_said() -> None:
    assert explain(asked("https://shop.example/sf/tracker.js"), knowing(), NOW_MS).reason == (
        "own_endpoint"
    )
    assert explain(asked("https://other.example/"), knowing(), NOW_MS).reason == "answered_421"
    redirected = explain(asked("http://shop.example/a"), knowing(https="redirect"), NOW_MS)
    assert redirected.reason == "answered_301"
    assert "https://shop.example/a" in redirected.meaning


def test_a_dropped_event_is_named() -> None:
    said = explain(asked(headers=((b"DNT", b"1"),)), knowing(), NOW_MS)
    assert said.stores == {"dropped": "dnt"}


@pytest.mark.parametrize("url", ["shop.example/a", "ftp://shop.example/", "https:///a", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        explain(asked(url), knowing(), NOW_MS)


def test_the_origin_would_be_asked_as_a_front_asks() -> None:
    plan = fetch_plan(asked(headers=((b"Cookie", b"sf_out=1; a=1"),)), knowing())
    assert plan is not None
    upstream, target, headers = plan
    assert (upstream.host, upstream.port) == ("127.0.0.1", 9000)
    assert target == "/a?utm_source=letter&email=a@b.co"
    assert (b"Cookie", b"a=1") in headers
    assert fetch_plan(asked("https://other.example/"), knowing()) is None


RULES = [
    {"id": "thanks", "kind": "event", "paths": ["/thanks*"], "name": "Bought"},
    {"id": "buy", "kind": "event", "selectors": ["#buy"], "name": "Buy", "props": {"plan": "pro"}},
    {"id": "users", "kind": "privacy", "action": "mask", "paths": ["/u/*/*"], "to": "/u/:id/$2"},
    {"id": "office", "kind": "traffic", "action": "drop", "paths": ["/office/**"]},
]


def with_rules() -> Knowledge:
    return knowing(rules=RULES)


def test_it_lists_the_events_that_rules_make_of_a_page() -> None:
    said = explain(asked("https://shop.example/thanks"), with_rules(), NOW_MS)
    assert [(event.rule, event.name, event.when) for event in said.events] == [
        ("thanks", "Bought", "view"),
        ("buy", "Buy", "click"),
    ]
    assert said.events[1].selectors == ("#buy",)
    dropped = explain(asked("https://shop.example/office/a"), with_rules(), NOW_MS)
    assert (dropped.stores, dropped.events) == ({"dropped": "shielded_path"}, ())


def test_it_shows_masks_of_the_site_and_of_the_pack() -> None:
    said = explain(asked("https://shop.example/u/7/a@b.example"), with_rules(), NOW_MS)
    assert said.stores["path"] == "/u/:id/[email]"
    used = [(row.list, row.rule) for row in said.rules if row.matched]
    assert used == [("privacy", "users"), ("masks", "email-addresses")]
