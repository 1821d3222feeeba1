"""The dashboard's pages over the real store: figures, cards, details, what an empty one says."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from portal.dashboard.asking import AWAY
from portal.dashboard.cards import CARDS
from portal.dashboard.figures import FIGURES
from portal.models import Role, Site, SiteHost
from store.client import Store
from tests.portal.conftest import NOW, Person, Portal
from tests.store.query.dataset import VisitMaker, a_visit, store_traffic

_FIGURE = re.compile(r'data-metric="(\w+)"\s+data-value="([^"]*)"')


GOOGLE = {"source": "Google", "channel": "Organic Search", "country": "FR", "browser": "Firefox"}
LETTER = {"source": "letter", "utm_campaign": "<b>May</b>", "country": "DE", "device": "Mobile"}


def visit(start: str, **attributes: str) -> VisitMaker:
    return a_visit("UTC", start, None, **attributes)


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    """Six visits: three of yesterday, two of today, one of a month ago."""
    number = 810_000
    visits = [
        visit("2026-11-10T09:00:00", **GOOGLE).view("/").view("/a", 30).add("Signup", 40),
        visit("2026-11-10T15:18:00", **LETTER).view("/a"),
        visit("2026-11-09T10:00:00", **GOOGLE).view("/").view("/b", 100),
        visit("2026-11-09T11:00:00").view("/b"),
        visit("2026-11-09T12:00:00").view("/b"),
        visit("2026-10-05T12:00:00", **GOOGLE).view("/old"),
    ]
    events = [found for made in visits for found in made.events]
    store_traffic(store, number, events, "portal-shop")
    return number


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    """A portal in which those visits are shop.example's."""
    portal = make_portal(store)
    with portal.database.writing() as session:
        session.add(
            Site(
                id=shop_id,
                team_id=1,
                host="shop.example",
                public_key="stk_x",
                created_at=NOW,
                upstreams=["http://a:1"],
                hosts=[SiteHost(host="shop.example")],
            )
        )
    return portal


@pytest.fixture
def viewer(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.VIEWER)


@contextmanager
def statements(portal: Portal) -> Iterator[list[str]]:
    """Count what the portal asks its own database."""
    found: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("begin"):
            found.append(statement)

    event.listen(portal.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(portal.database.engine, "before_cursor_execute", note)


def figures(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in _FIGURE.findall(text)}


def test_every_headline_figure_is_in_the_first_html(viewer: Person) -> None:
    found = figures(viewer.get("/sites/shop.example").text)
    assert list(found) == list(FIGURES)
    assert found["visitors"] == 5
    assert found["pageviews"] == 7
    assert found["bounce_rate"] == 60


def test_a_change_is_shown_against_the_period_before(viewer: Person) -> None:
    text = viewer.get("/sites/shop.example").text
    assert "up by 400%; before it was 1" in text
    assert 'class="change' not in viewer.get("/sites/shop.example?compare=off").text
    nothing_before = viewer.get("/sites/shop.example?period=month&compare=year").text
    assert 'class="change' not in nothing_before


def test_the_live_count_counts_the_last_five_minutes(viewer: Person) -> None:
    assert 'data-live="1"' in viewer.get("/sites/shop.example").text
    assert 'data-live="1"' in viewer.get("/sites/shop.example/current").text


def test_a_card_shows_its_tab_and_says_so_in_the_url(viewer: Person) -> None:
    path = "/sites/shop.example/cards/sources?f=is,country,DE&sources=campaigns"
    shown = viewer.get(f"{path}&tab=1")
    assert "&lt;b&gt;May&lt;/b&gt;" in shown.text
    assert "<b>May" not in shown.text
    where = shown.headers["HX-Replace-Url"]
    assert where == "/sites/shop.example?f=is%2Ccountry%2CDE&sources=campaigns"
    assert "HX-Replace-Url" not in viewer.get(path).headers


def test_a_card_of_custom_events_leaves_page_views_out(viewer: Person) -> None:
    text = viewer.get("/sites/shop.example/cards/events?events=events").text
    assert "Signup" in text
    assert "pageview" not in text


def test_countries_have_names_and_devices_a_capital(viewer: Person) -> None:
    assert "France" in viewer.get("/sites/shop.example/cards/places").text
    devices = viewer.get("/sites/shop.example/cards/technology?technology=devices").text
    assert "Mobile" in devices


def test_without_scripts_one_page_holds_everything(viewer: Person) -> None:
    scripted = viewer.get("/sites/shop.example?period=7d").text
    assert 'content="0; url=/sites/shop.example?period=7d&amp;inline=1"' in scripted
    text = viewer.get("/sites/shop.example?period=7d&inline=1").text
    assert "http-equiv" not in text
    assert "France" in text
    assert "skeleton" not in text
    assert "visitors today" in viewer.get("/?inline=1").text


def test_details_search_sort_and_page(viewer: Person) -> None:
    path = "/sites/shop.example/details/pages/top"
    text = viewer.get(path).text
    assert re.findall(r'title="(/\w*)"', text) == ["/b", "/", "/a"]
    assert re.findall(r'title="(/\w*)"', viewer.get(f"{path}?order=-pageviews").text)[-1] == "/b"
    assert re.findall(r'title="(/\w*)"', viewer.get(f"{path}?q=B&order=nonsense").text) == ["/b"]
    assert "Nothing matches." in viewer.get(f"{path}?q=zzz").text
    for card in CARDS.values():
        for tab in card.tabs:
            answer = viewer.get(f"/sites/shop.example/details/{card.name}/{tab.name}")
            assert answer.status_code == 200
            assert 'role="alert"' not in answer.text
    assert viewer.get("/sites/shop.example/details/pages/nope").status_code == 404
    assert viewer.get("/sites/shop.example/cards/nope").status_code == 404


def test_every_tab_of_every_card_answers(viewer: Person) -> None:
    for card in CARDS.values():
        for tab in card.tabs:
            path = f"/sites/shop.example/cards/{card.name}?{card.name}={tab.name}&f=is,page,/a"
            assert 'role="alert"' not in viewer.get(path).text, (card.name, tab.name)


def test_a_filter_from_the_dialog_becomes_part_of_the_url(viewer: Person) -> None:
    path = "/sites/shop.example?period=7d&f=is,page,/b&add_op=contains&add_dim=source&add_value=oo"
    where = viewer.get(path).headers["Location"]
    assert where == ("/sites/shop.example?period=7d&f=is%2Cpage%2C%2Fb&f=contains%2Csource%2Coo")
    empty = viewer.get("/sites/shop.example?add_op=is&add_dim=source&add_value=+")
    assert empty.headers["Location"] == "/sites/shop.example"


def test_an_empty_site_says_what_to_do_and_looks_again(
    make_portal: Callable[..., Portal], store: Store
) -> None:
    portal = make_portal(store, edge_url="http://edge.example:8080")
    portal.site("empty.example")
    person = portal.user("a@b.c", Role.VIEWER)
    text = person.get("/sites/empty.example").text
    assert "We have not seen a page of empty.example through the edge yet" in text
    assert "http://edge.example:8080" in text
    assert figures(text)["visitors"] == 0
    assert person.get("/sites/empty.example/arrived").headers.get("HX-Refresh") is None


def test_an_empty_period_is_not_an_empty_site(viewer: Person) -> None:
    text = viewer.get("/sites/shop.example?period=custom&from=2026-01-01&to=2026-01-02").text
    assert "No visits in this period" in text
    assert viewer.get("/sites/shop.example/arrived").headers["HX-Refresh"] == "true"


def test_with_the_store_away_the_page_stands_and_says_so(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    for path in ("", "/cards/sources", "/details/pages/top"):
        answer = person.get(f"/sites/own.example{path}")
        assert answer.status_code == 200
        assert AWAY in answer.text
        assert answer.headers["X-Request-Id"] in answer.text
    assert "Numbers are not available" in person.get("/sites/own.example/glance").text
    assert person.get("/sites/own.example/current").status_code == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/", 6),
        ("/sites/shop.example", 10),
        ("/sites/shop.example/cards/sources", 5),
        ("/sites/shop.example/glance", 5),
    ],
)
def test_a_page_asks_its_database_little(
    shop: Portal, viewer: Person, path: str, most: int
) -> None:
    for number in range(20):
        shop.site(f"other{number}.example")
    with statements(shop) as found:
        assert viewer.get(path).status_code == 200
    assert len(found) <= most, found


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx"])
def test_a_whole_list_comes_as_a_file(shop: Portal, kind: str) -> None:
    person = shop.user("files@b.c", Role.VIEWER)
    answer = person.get(f"/sites/shop.example/details/pages/top.{kind}?period=7d")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith(f'"shop.example-top.{kind}"')
    if kind == "csv":
        assert answer.text.splitlines()[0].startswith('\ufeff"event:page","visitors",')
        assert len(answer.text.splitlines()) > 1
    assert person.get("/sites/shop.example/details/pages/nope.csv").status_code == 404
    assert shop.somebody().get(f"/sites/shop.example/details/pages/top.{kind}").status_code == 302
