"""The page on the capture rate, and what a hybrid site's dashboard says beside its views."""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from portal.models import Role, Site, SiteHost
from portal.sites.capture import PARTS
from store.client import Store
from store.query.capture import Capture
from store.query.model import QuerySite
from store.query.parse import parse_query
from store.query.run import run_query
from tests.portal.conftest import NOW, Person, Portal

PATH = "/sites/one.example/capture"
_ids = count(41_000)


def store_hits(store: Store, site_id: int) -> None:
    """Of ten pages that can be confirmed seven were; two browsers never ran the script."""
    at_ms = round((NOW - timedelta(hours=2)).timestamp() * 1000)
    captures = ["eligible"] * 10 + ["cacheable", "refused", "untagged", "aside"]
    n = len(captures)
    visitors = [1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 1, 0, 1, 1]
    store.insert("hits", {
        "site_id": [site_id] * n, "ts": [at_ms] * n, "kind": ["document"] * n,
        "capture": captures, "visitor": visitors, "method": ["GET"] * n,
        "path": ["/shop/lamp"] * 5 + ["/"] * (n - 5), "browser": ["Firefox"] * n,
        "country": ["FR"] * 7 + [""] * (n - 7),
    }, token=f"page-hits-{site_id}")  # fmt: skip
    store.insert("events", {
        "site_id": [site_id] * 7, "ts": [at_ms] * 7, "visitor": [1, 1, 1, 2, 2, 2, 3],
        "is_first": [True] * 7, "path": ["/shop/lamp"] * 5 + ["/"] * 2,
        "browser": ["Firefox"] * 7, "country": ["FR"] * 7, "name": ["pageview"] * 7,
    }, token=f"page-events-{site_id}")  # fmt: skip


def a_site(portal: Portal, **changes: Any) -> int:
    """A site of an id that no other test stores rows of."""
    number = next(_ids)
    with portal.database.writing() as session:
        session.add(Site(
            id=number, team_id=1, host="one.example", public_key="stk_x", created_at=NOW,
            upstreams=["http://a:1"], hosts=[SiteHost(host="one.example")], **changes,
        ))  # fmt: skip
    return number


def figures(page: str) -> dict[str, str]:
    return dict(re.findall(r'data-metric="(\w+)"\s+data-value="([\d.]*)"', page))


@pytest.fixture
def viewer(make_portal: Callable[..., Portal], store: Store) -> Person:
    portal = make_portal(store)
    store_hits(store, a_site(portal))
    return portal.user("a@b.c", Role.VIEWER)


def test_it_shows_the_rate_and_where_the_rest_is(viewer: Person) -> None:
    page = viewer.get(PATH).text
    assert figures(page) == {
        "capture_rate": "0.7000", "served": "13", "measured": "10", "lost": "3",
    }  # fmt: skip
    parts = dict(re.findall(r'data-part="(\w+)"\s+data-value="(\d+)"', page))
    assert parts == {
        "confirmed": "7", "not_fetched": "2", "no_beacon": "1",
        "refused": "1", "cacheable": "1", "untagged": "1",
    }  # fmt: skip


def test_the_rate_is_the_api_s(make_portal: Callable[..., Portal], store: Store) -> None:
    portal = make_portal(store)
    number = a_site(portal)
    store_hits(store, number)
    viewer = portal.user("a@b.c", Role.VIEWER)
    site, days = QuerySite(number, "one.example", "UTC"), ["2026-10-14", "2026-11-10"]
    body = {"metrics": ["capture_rate"], "date_range": days}
    answer = run_query(store, parse_query(body, site), site, NOW)
    rate = answer.results[0]["metrics"][0]
    assert 100 * float(figures(viewer.get(PATH).text)["capture_rate"]) == rate
    assert f">{rate:.1f}%</strong>" in viewer.get("/sites/one.example/foot").text


@pytest.mark.parametrize(
    ("by", "words"), [("pages", "/shop/…"), ("browser", "Firefox"), ("country", "France"),
                      ("country", "Unknown"), ("day", "Tue 10 Nov"), ("nonsense", "Tue 10 Nov")],
)  # fmt: skip
def test_it_is_broken_down(viewer: Person, by: str, words: str) -> None:
    assert words in viewer.get(f"{PATH}?by={by}&period=7d").text


def test_another_period_has_other_numbers(viewer: Person) -> None:
    assert figures(viewer.get(f"{PATH}?period=day").text)["served"] == "13"


def test_empty_off_and_away_are_said(make_portal: Callable[..., Portal], store: Store) -> None:
    portal = make_portal(store)
    number = a_site(portal)
    person = portal.user("a@b.c", Role.VIEWER)
    assert "No page was served to a person" in person.get(PATH).text
    with portal.database.writing() as session:
        session.get_one(Site, number).hits = False
    assert "keeps no rows of the documents served" in person.get(PATH).text


def test_a_store_that_is_away_is_said(portal: Portal) -> None:
    portal.site("one.example")
    assert "cannot be read right now" in portal.user("a@b.c", Role.VIEWER).get(PATH).text


def test_the_site_of_another_team_has_no_such_page(portal: Portal) -> None:
    portal.site("one.example")
    assert portal.user("a@b.c").get(PATH).status_code == 404
    assert portal.somebody().get(PATH).status_code == 302


@pytest.mark.parametrize(
    ("measure", "query", "shown"),
    [("hybrid", "", True), ("tracker", "", False), ("hybrid", "?f=is,page,/", False)],
)
def test_a_hybrid_site_shows_unconfirmed_views_beside_its_own(
    make_portal: Callable[..., Portal], store: Store, measure: str, query: str, shown: bool
) -> None:
    portal = make_portal(store)
    store_hits(store, a_site(portal, measure=measure))
    page = portal.user("a@b.c", Role.VIEWER).get(f"/sites/one.example{query}").text
    assert ("+ 4 unconfirmed" in page) is shown


def test_every_part_is_a_number_of_the_report() -> None:
    assert {part.name for part in PARTS} <= set(Capture.__slots__)
