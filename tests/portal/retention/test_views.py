"""The page of retention: every cell is the API's, and what cannot be known is said."""

from collections.abc import Callable
from datetime import date

import pytest

from portal.models import Role
from portal.retention.views import _later, _level
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_goal, add_shop, ask, store_visits

PAGE = "/sites/shop.example/retention"


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_007, "portal-retention")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id, salt_period="week")
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.EDITOR)


@pytest.mark.parametrize(("query", "goal"), [("?unit=day", None), ("?unit=day&first=Buy", "Buy")])
def test_every_cell_is_what_the_api_answers(
    shop: Portal, editor: Person, query: str, goal: str | None
) -> None:
    add_goal(editor, target="Buy")
    answer = ask(shop, editor, "a@b.c", "retention", {"unit": "day", "first": goal})
    text = editor.get(PAGE + query).text
    assert answer["results"]
    for row in answer["results"]:
        line = text.split(f'<th scope="row">{row["cohort"]}</th>')[1].split("</tr>")[0]
        assert f'data-value="{row["visitors"]}"' in line
        for rate, returned in zip(row["rates"], row["returned"], strict=True):
            people = "visitor" if returned == 1 else "visitors"
            assert f'title="{returned} {people}, {rate:g}%"' in line
    assert answer["meta"]["note"] in text


def test_a_site_that_forgets_by_day_says_so(
    make_portal: Callable[..., Portal], store: Store, shop_id: int
) -> None:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    text = portal.user("a@b.c", Role.EDITOR).get(f"{PAGE}?unit=week").text
    assert "Who comes back cannot be told here" in text
    assert '<select name="unit"' not in text


def test_shades_go_from_nobody_to_everybody() -> None:
    assert [_level(rate) for rate in (0, 0.5, 10, 55.5, 99, 100)] == [0, 1, 2, 6, 9, 9]


@pytest.mark.parametrize(
    ("unit", "count", "end"),
    [
        ("day", 1, date(2026, 11, 2)),
        ("week", 2, date(2026, 11, 15)),
        ("month", 1, date(2026, 12, 1)),
        ("month", 14, date(2028, 1, 1)),
    ],
)
def test_a_cell_is_over_when_its_day_week_or_month_is(unit: str, count: int, end: date) -> None:
    assert _later(date(2026, 11, 1), unit, count) == end
