"""The page of funnels: its bars, its breakdown, its filters are the API's answer."""

from collections.abc import Callable

import pytest

from portal.models import Role
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_goal, add_shop, ask, store_visits

PAGE = "/sites/shop.example/funnels"


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_005, "portal-funnel-page")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    """Somebody who has built the funnel 1 of the goals 1 to 3."""
    person = shop.user("a@b.c", Role.EDITOR)
    add_goal(person, kind="page", target="/shop")
    add_goal(person, kind="page", target="/basket")
    add_goal(person, target="Buy", currency="EUR")
    data = {"name": "To the till", "steps": ["1", "2", "3"], "within": "visit", "between": "any"}
    new = "/sites/shop.example/settings/funnels/new"
    assert person.post(new, {**data, "window": "1", "unit": "86400"}).status_code == 302
    return person


@pytest.mark.parametrize("country", ["", "FR"])
def test_bars_show_what_the_api_answers(shop: Portal, editor: Person, country: str) -> None:
    filters = [["is", "visit:country", [country]]] if country else []
    body = {"funnel": 1, "filters": filters, "dimensions": ["visit:source"]}
    answer = ask(shop, editor, "a@b.c", "funnel", body | {"dimensions": []})
    query = f"?f=is,country,{country}&by=source" if country else "?by=source"
    text = editor.get(PAGE + query).text
    steps = answer["results"][0]["steps"]
    for place, step in enumerate(steps, 1):
        assert f'data-step="{place}"\n                data-value="{step["count"]}"' in text
        assert step["dropoff"] == 0 or f"{step['dropoff']} <span" in text
    assert f'data-value="{steps[-1]["conversion_rate"]}"' in text
    assert "€19.90" in text
    by_source = ask(shop, editor, "a@b.c", "funnel", body)["results"]
    assert by_source
    for row in by_source:
        name, last = row["dimensions"][0], row["steps"][-1]
        tail = text.split(f'title="{name}"')[1].split("</tr>")[0]
        assert f"{last['conversion_rate']:.1f}%" in tail
        for step in row["steps"]:
            assert f">{step['count']}</td>" in tail


@pytest.mark.parametrize("page", ["funnels?funnel=1", "journeys?at=/shop", "retention?unit=day"])
def test_a_filter_from_the_dialog_stays_on_the_page(editor: Person, page: str) -> None:
    path = f"/sites/shop.example/{page}"
    where = editor.get(f"{path}&add_op=is&add_dim=country&add_value=+FR").headers["Location"]
    name, _, own = page.partition("?")
    assert where == f"/sites/shop.example/{name}?f=is%2Ccountry%2CFR&{own.replace('/', '%2F')}"


def test_nobody_in_a_period_is_said(editor: Person) -> None:
    text = editor.get(f"{PAGE}?period=custom&from=2026-01-01&to=2026-01-02").text
    assert "Nobody reached “Visit /shop”, the first step, in this period." in text


def test_without_a_funnel_the_page_says_the_next_step(shop: Portal) -> None:
    text = shop.user("owner@b.c", Role.OWNER).get(PAGE).text
    assert "Build a funnel" in text
    viewer = shop.user("viewer@b.c", Role.VIEWER).get(PAGE).text
    assert "An owner, admin or editor of the team can build one." in viewer
    assert "Build a funnel" not in viewer


def test_with_the_store_away_the_page_stands(portal: Portal) -> None:
    portal.site("shop.example")
    person = portal.user("a@b.c", Role.OWNER)
    add_goal(person, target="A")
    add_goal(person, target="B")
    data = {"name": "Way", "steps": ["1", "2"], "within": "visit", "between": "any", "window": "1"}
    person.post("/sites/shop.example/settings/funnels/new", data)
    answer = person.get(PAGE)
    assert answer.status_code == 200
    assert "does not answer" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
