"""Imported totals on the dashboard: included and said so, until they are switched off."""

import re
from collections.abc import Callable

import pytest

from portal.models import Role, Site, SiteHost
from store.client import Store
from tests.portal.conftest import NOW, Person, Portal
from tests.portal.dashboard.test_views import _FIGURE
from tests.store.query.dataset import a_visit, store_traffic
from tests.store.query.test_imported import ENTRY, Row, put_import, sums

pytestmark = pytest.mark.timeout(180)
SITE_ID = 842_000
ROWS: list[Row] = [
    ("2026-10-20", ENTRY, "", "", sums(10, 12, 30, bounces=3, duration_ms=120_000)),
    ("2026-10-20", ENTRY, "visit:source", "Google", sums(10, 12, 30)),
]


@pytest.fixture(scope="session")
def moved(store: Store) -> int:
    """A site with visits of November, and totals of October."""
    events = a_visit("UTC", "2026-11-09T10:00:00", None, source="Google").view("/").events
    store_traffic(store, SITE_ID, events, "portal-moved")
    put_import(store, SITE_ID, ROWS)
    return SITE_ID


def looks_at(portal: Portal, site_id: int) -> Person:
    """Somebody who sees the site of that id in the store."""
    with portal.database.writing() as session:
        site = Site(id=site_id, team_id=1, host="moved.example", public_key="stk_m",
                    created_at=NOW, upstreams=["http://a:1"],
                    hosts=[SiteHost(host="moved.example")])  # fmt: skip
        session.add(site)
    return portal.user("a@b.c", Role.VIEWER)


@pytest.fixture
def viewer(make_portal: Callable[..., Portal], store: Store, moved: int) -> Person:
    return looks_at(make_portal(store), moved)


def figures(viewer: Person, query: str) -> dict[str, str]:
    return dict(_FIGURE.findall(viewer.get(f"/sites/moved.example{query}").text))


def test_totals_are_part_of_the_figures_and_of_a_list(viewer: Person) -> None:
    assert figures(viewer, "")["visits"] == "13"
    assert figures(viewer, "")["engaged_time"] == ""
    page = viewer.get("/sites/moved.example").text
    assert "Days before this site came here are imported totals." in page
    card = viewer.get("/sites/moved.example/cards/sources").text
    assert re.search(r"Google.*?11", card, re.DOTALL)


def test_they_can_be_left_out_and_brought_back(viewer: Person) -> None:
    assert figures(viewer, "?imports=off")["visits"] == "1"
    page = viewer.get("/sites/moved.example?imports=off&period=28d").text
    assert "Include imported numbers" in page
    assert 'href="/sites/moved.example?"' in page


def test_a_view_that_they_cannot_tell_says_so(viewer: Person) -> None:
    query = "?f=is,source,Google&f=is,country,FR"
    assert figures(viewer, query)["visits"] == "0"
    assert (
        "Imported totals cannot tell this view" in viewer.get(f"/sites/moved.example{query}").text
    )
    card = viewer.get("/sites/moved.example/cards/technology").text
    assert "Without imported totals, which cannot tell this list." in card


@pytest.fixture(scope="session")
def without_visits(store: Store) -> int:
    put_import(store, SITE_ID + 1, ROWS)
    return SITE_ID + 1


def test_a_site_with_imports_alone_is_not_empty(
    make_portal: Callable[..., Portal], store: Store, without_visits: int
) -> None:
    assert figures(looks_at(make_portal(store), without_visits), "")["visits"] == "12"
