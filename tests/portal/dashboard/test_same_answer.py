"""Every number of the overview is the API's answer to the same question, list by list.

The lists are those that ``CARDS`` declares: one more is compared too, and one of a new kind fails
until it is said here what it counts. Pages besides the overview name the test that compares them.
"""

import html
import importlib
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from portal.dashboard.cards import CARDS, GOALS, MAP, MISSING, PROPERTIES, Card, Tab
from portal.dashboard.figures import FIGURES, UNITS, full, listed, plain
from portal.dashboard.places import shown
from portal.models import Role, Site, SiteGoal, SiteHost
from portal.sites.tabs import GROUPS
from store.client import Store
from tests.portal.conftest import NOW, Person, Portal
from tests.store.query.dataset import random_events, store_traffic
from tests.store.query.edge_dataset import random_hits, store_hits

SITE_ID = 815_000
HOME = "/sites/shop.example"
EVENTS = {"page": "event:page", "event": "event:name"}
OF_KIND = {GOALS: "event:goal", PROPERTIES: "event:props:plan", MAP: "visit:country"}
NOT_THERE = [["is", "hit:status", ["404", "410"]]]
VIEWS: dict[str, dict[str, Any]] = {
    "": {},
    "?period=day&metric=engagement_rate": {"date_range": ["2026-11-10", "2026-11-10"]},
    "?f=is,country,FR": {"filters": [["is", "visit:country", ["FR"]]]},
    "?f=is_not,page,/a&period=7d": {
        "filters": [["is_not", "event:page", ["/a"]]],
        "date_range": ["2026-11-04", "2026-11-10"],
    },
}
"""What the URL says, and the same in the API's words."""
COMPARED = {
    "live": "tests.portal.live.test_views.test_lists_are_the_api_s_of_the_last_half_hour",
    "funnels": "tests.portal.funnels.test_views.test_bars_show_what_the_api_answers",
    "journeys": "tests.portal.journeys.test_views.test_the_table_is_what_the_api_answers",
    "retention": "tests.portal.retention.test_views.test_every_cell_is_what_the_api_answers",
    "pages": "tests.portal.behaviour.test_pages.test_pages",
    "map": "tests.portal.behaviour.test_pages.test_a_map_of_clicks",
    "clicks": "tests.portal.behaviour.test_pages.test_rage_and_dead_clicks",
    "vitals": "tests.portal.behaviour.test_pages.test_vitals",
    "errors": "tests.portal.behaviour.test_pages.test_errors",
    "forms": "tests.portal.behaviour.test_pages.test_forms",
    "capture": "tests.portal.sites.test_capture_page.test_the_rate_is_the_api_s",
    "answers": "tests.portal.behaviour.test_pages.test_answers",
    "crawlers": "tests.portal.behaviour.test_pages.test_crawlers",
}
OF_NO_QUESTION = {"overview", "edge", "events"}
"""Compared here, and what the edge says of itself or of single events: the API has no such."""

type Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def filled_id(store: Store) -> int:
    """Fifty days of uneven traffic up to this moment, and the documents served for it."""
    events = random_events(41, "UTC", date(2026, 9, 22), 50, 260)
    past = [event for event in events if event.at <= NOW]
    store_traffic(store, SITE_ID, past, "same-answer")
    hits = random_hits(42, datetime(2026, 10, 20, tzinfo=NOW.tzinfo), 21, 400)
    store_hits(store, SITE_ID, "UTC", hits, "same-answer")
    return SITE_ID


@pytest.fixture
def portal(make_portal: Callable[..., Portal], store: Store, filled_id: int) -> Portal:
    portal = make_portal(store)
    site = Site(
        id=filled_id,
        team_id=1,
        host="shop.example",
        public_key="stk_x",
        created_at=NOW,
        upstreams=["http://a:1"],
        hosts=[SiteHost(host="shop.example")],
    )
    goals = (("Sign-up", "event", "Signup", "EUR"), ("Blog", "page", "/blog/*", ""))
    with portal.database.writing() as session:
        session.add(site)
        session.add_all(
            SiteGoal(site_id=filled_id, name=name, kind=kind, target=target, currency=currency,
                     created_at=NOW)
            for name, kind, target, currency in goals
        )  # fmt: skip
    return portal


@pytest.fixture
def viewer(portal: Portal) -> Person:
    return portal.user("a@b.c", Role.VIEWER)


@pytest.fixture
def ask(portal: Portal, viewer: Person) -> Ask:
    """Ask the API with a token, as a program would."""
    headers = {"Authorization": f"Bearer {portal.token('a@b.c', 'shop.example')}"}

    def answer(view: str, metrics: list[str], **more: Any) -> list[dict[str, Any]]:
        asked = {"site_id": "shop.example", "date_range": ["2026-10-14", "2026-11-10"]}
        asked |= VIEWS[view] | {"metrics": metrics, **more}
        asked["filters"] = [*VIEWS[view].get("filters", []), *more.get("filters", [])]
        found = viewer.client.post("/api/v2/query", data=json.dumps(asked), headers=headers)
        assert found.status_code == 200, found.text
        results: list[dict[str, Any]] = found.json["results"]  # type: ignore[index] # it is JSON
        return results

    return answer


def lists() -> list[tuple[Card, Tab]]:
    return [(card, tab) for card in CARDS.values() for tab in card.tabs]


def question_of(tab: Tab) -> dict[str, Any]:
    """Say a list's question as a reader of the API's page would."""
    if tab.kind == MISSING:
        return {"dimensions": ["event:page"], "filters": NOT_THERE}
    name = OF_KIND[tab.kind] if tab.kind else EVENTS.get(tab.dimension, f"visit:{tab.dimension}")
    own = [[operator, name, [value]] for operator, value in tab.only]
    return {"dimensions": [name], "filters": own}


def written(answer: list[dict[str, Any]], metrics: list[str], dimension: str) -> list[list[str]]:
    """Write an answer as a list does: a name, then each number in full and as its column does."""
    return [
        [shown(dimension, row["dimensions"][0])]
        + [
            text
            for value, metric in zip(row["metrics"], metrics, strict=True)
            for text in (full(value, UNITS[metric]), listed(value, UNITS[metric], 0))
        ]
        for row in answer
    ]


def rows_of(page: str) -> list[list[str]]:
    """Read a card's table as ``written`` writes it."""
    return [
        [read(r'title="([^"]*)"', row)[0]]
        + [
            text
            for cell in re.findall(r'<td class="number[^"]*"\s+title="([^"]*)">([^<]*)</td>', row)
            for text in map(html.unescape, cell)
        ]
        for row in page.partition("<tbody>")[2].split("</tr>")[:-1]
    ]


def read(pattern: str, text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(pattern, text)]


@pytest.mark.parametrize("view", VIEWS)
def test_every_list_shows_what_the_api_answers(
    portal: Portal, viewer: Person, ask: Ask, view: str
) -> None:
    seen = set()
    for card, tab in lists():
        path = f"{HOME}/cards/{card.name}{view or '?'}&{card.name}={tab.name}&prop=plan"
        page = viewer.get(path).text
        metrics = [*tab.metrics, *(["total_revenue"] if tab.kind == GOALS else [])]
        pagination = {"limit": 300 if tab.kind == MAP else 9}
        answer = ask(view, metrics, **question_of(tab), pagination=pagination)
        with portal.app.test_request_context():
            wanted = written(answer, metrics, tab.dimension)
        if tab.kind == MAP:
            names = read(r'aria-label="([^"]+): \d', page)
            counts = read(r'aria-label="[^"]+: ([^"]+)"', page)
            assert list(zip(names, counts, strict=True)) == [(r[0], r[1]) for r in wanted]
        else:
            assert rows_of(page) == wanted, (card.name, tab.name)
        seen |= {(card.name, tab.name)} if answer else set()
    if not view:
        assert len(seen) == len(lists()), "a list without a row compares nothing"


def test_every_list_of_details_shows_what_the_api_answers(
    portal: Portal, viewer: Person, ask: Ask
) -> None:
    for card, tab in lists():
        page = viewer.get(f"{HOME}/details/{card.name}/{tab.name}?prop=plan").text
        table = page.partition("<thead>")[2].partition("</table>")[0]
        metrics = read(r"order=-?(\w+)&amp;q=", table)
        answer = ask("", metrics, **question_of(tab), pagination={"limit": 100})
        with portal.app.test_request_context():
            wanted = [[row[0], *row[1::2]] for row in written(answer, metrics, tab.dimension)]
        found = [
            [read(r'title="([^"]*)"', row)[0],
             *read(r'<td class="number"\s+(?:title="[^"]*")?>([^<]*)</td>', row)]
            for row in table.partition("<tbody>")[2].split("</tr>")[:-1]
        ]  # fmt: skip
        assert found
        assert found == [
            ["\N{EN DASH}" if cell == "not known" else cell for cell in row] for row in wanted
        ]


@pytest.mark.parametrize("view", VIEWS)
def test_headline_and_graph_show_what_the_api_answers(
    portal: Portal, viewer: Person, ask: Ask, view: str
) -> None:
    page = viewer.get(HOME + view).text
    before = {"include": {"comparisons": {"mode": "previous_period"}}}
    [whole] = ask(view, list(FIGURES), **before)
    tiles = read(r'data-metric="\w+"\s+data-value="([^"]*)"', page)
    assert list(map(float, tiles)) == whole["metrics"]
    moved = zip(FIGURES.values(), whole["comparison"]["metrics"], strict=True)
    with portal.app.test_request_context():
        words = [f"before it was {full(value, figure.unit)}" for figure, value in moved]
    said = read(r'class="change \w+" title="[^"]*(before it was [^"]*)"', page)
    assert said == words
    [drawn] = map(json.loads, read(r"data-series='([^']*)'", page))
    interval = "hour" if "day" in view else "day"
    names = [series["metric"] for series in drawn["series"]]
    rows = ask(view, names, dimensions=[f"time:{interval}"], **before)
    assert len(rows) > 6
    more = ["engagement_rate"] if "metric" in view else []
    assert names == [*FIGURES, *more]
    for at, series in enumerate(drawn["series"]):
        assert series["values"] == [plain(row["metrics"][at]) for row in rows]
        compared = [row["comparison"] for row in rows if "comparison" in row]
        assert series["before"] == [plain(row["metrics"][at]) for row in compared]


def test_the_list_of_sites_shows_what_the_api_answers(viewer: Person, ask: Ask) -> None:
    [today] = ask("", ["visitors"], date_range=["2026-11-10", "2026-11-10"])
    glance = viewer.get(f"{HOME}/glance").text
    assert read(r'<strong title="(\d+)"', glance) == [str(today["metrics"][0])]


@pytest.mark.parametrize("filtered", ["is,source,Google", "is,prop:plan,pro", "is,goal,Blog"])
def test_what_was_not_found_says_which_filter_it_cannot_follow(
    viewer: Person, filtered: str
) -> None:
    page = viewer.get(f"{HOME}/cards/pages?pages=missing&f={filtered}").text
    assert "A filter does not hold here" in page
    assert rows_of(page) == []


def test_every_page_of_figures_names_the_test_that_compares_it() -> None:
    pages = [page for group in GROUPS for page in group.pages if group.label != "Settings"]
    assert {page.name for page in pages} == COMPARED.keys() | OF_NO_QUESTION
    for named in COMPARED.values():
        module, _, test = named.rpartition(".")
        assert callable(getattr(importlib.import_module(module), test))
