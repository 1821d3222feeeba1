"""The example: the dashboard's own questions, answered of a site that was made up."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from portal.dashboard.example import SHARES, ExampleAsker
from portal.models import Role
from store.query.model import QuerySite
from tests.portal.conftest import NOW, AwayStore, Person, Portal

HERE = "/sites/own.example/example"
DAYS = {"date_range": ["2026-10-14", "2026-11-10"], "filters": []}


@pytest.fixture
def viewer(portal: Portal) -> Person:
    """Somebody whose store is away: the example needs none."""
    portal.site("own.example")
    return portal.user("a@b.c", Role.VIEWER)


def figures(page: str) -> dict[str, float]:
    found = re.findall(r'data-metric="(\w+)"\s+data-value="([\d.]+)"', page)
    return {name: float(value) for name, value in found}


def ask(**question: Any) -> list[dict[str, Any]]:
    asker = ExampleAsker(AwayStore(), QuerySite(0, "x", "UTC"), NOW)  # type: ignore[arg-type] # as a store that is away
    return asker.ask(DAYS | {"metrics": ["visitors"]} | question).results


def test_it_says_what_it_is_and_needs_no_store(viewer: Person) -> None:
    page = viewer.get(HERE).text
    assert "numbers that were made up" in page
    assert "does not answer" not in page
    assert figures(page)["visitors"] > 1_000
    assert page.count("<li data-at=") == 6
    assert 'href="/sites/own.example"' in page


def test_every_piece_of_it_is_there(viewer: Person) -> None:
    page = viewer.get(f"{HERE}?inline=1").text
    for card in ("sources", "pages", "places", "technology", "events"):
        inside = viewer.get(f"{HERE}/cards/{card}").text
        assert "does not answer" not in inside
        assert f'id="card-{card}"' in page
    assert "Google" in viewer.get(f"{HERE}/cards/sources").text
    assert "Signup" in viewer.get(f"{HERE}/cards/events").text
    assert "Google" in viewer.get(f"{HERE}/details/sources/sources").text
    assert (
        viewer.get(f"{HERE}/current").status_code == viewer.get(f"{HERE}/foot").status_code == 200
    )
    for tab in ("missing", "exit"):
        assert "does not answer" not in viewer.get(f"{HERE}/cards/pages?pages={tab}").text


def test_the_parts_of_a_period_are_the_whole() -> None:
    [whole] = ask()
    for unit in ("day", "week", "month"):
        rows = ask(dimensions=[f"time:{unit}"])
        total = sum(row["metrics"][0] for row in rows)
        assert total == pytest.approx(whole["metrics"][0], abs=len(rows))
    hours = ask(dimensions=["time:hour"], date_range=["2026-11-10", "2026-11-10"])
    assert len(hours) == 24


@pytest.mark.parametrize("compared", [
    {"mode": "previous_period"}, {"mode": "year_over_year"},
    {"mode": "custom", "date_range": ["2026-01-01", "2026-01-28"]},
])  # fmt: skip
def test_it_compares(compared: dict[str, Any]) -> None:
    [row] = ask(include={"comparisons": compared})
    before = row["comparison"]["metrics"][0]
    assert row["comparison"]["change"] == [round(100 * (row["metrics"][0] - before) / before)]


def test_a_filter_keeps_the_share_of_its_value(viewer: Person) -> None:
    whole = figures(viewer.get(HERE).text)["visitors"]
    google = figures(viewer.get(f"{HERE}?f=is,source,Google").text)["visitors"]
    rest = figures(viewer.get(f"{HERE}?f=is_not,source,Google").text)["visitors"]
    assert google == pytest.approx(whole * SHARES["visit:source"]["Google"], rel=0.01)
    assert google + rest == pytest.approx(whole, abs=2)
    assert figures(viewer.get(f"{HERE}?f=contains,page,blog").text)["visitors"] < whole
    assert viewer.get(f"{HERE}?f=is,goal,Signup").status_code == 200


def test_a_site_without_data_leads_to_it(make_portal: Callable[..., Portal], store: Any) -> None:
    portal = make_portal(store)
    portal.site("own.example")
    assert HERE in portal.user("a@b.c", Role.VIEWER).get("/sites/own.example").text


def test_the_site_of_another_team_has_none(portal: Portal) -> None:
    portal.site("own.example")
    assert portal.user("a@b.c").get(HERE).status_code == 404
