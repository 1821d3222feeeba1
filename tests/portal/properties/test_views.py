"""Custom properties: what is listed, by what name, and that the card counts as the API does."""

from collections.abc import Callable

import pytest

from portal.models import Role
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_shop, ask, store_visits

PAGE = "/sites/shop.example/settings/properties"
CARD = "/sites/shop.example/cards/events?events=properties"


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_002, "portal-properties")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.EDITOR)


def test_properties_of_events_are_listed_without_being_asked_for(editor: Person) -> None:
    assert "<code>plan</code>" in editor.get(PAGE).text
    text = editor.get(CARD).text
    assert ">pro</a>" in text
    assert ">free</a>" in text


def test_a_card_of_a_property_counts_what_the_api_counts(shop: Portal, editor: Person) -> None:
    metrics = ["visitors", "events", "percentage"]
    body = {"metrics": metrics, "dimensions": ["event:props:plan"]}
    answer = ask(shop, editor, "a@b.c", "query", body)
    text = editor.get(CARD).text
    assert text.count('scope="row"') == len(answer["results"]) == 3
    for row in answer["results"]:
        assert f">{row['dimensions'][0]}</a>" in text
        assert f'title="{row["metrics"][2]:g}%"' in text
    csv = editor.get("/sites/shop.example/details/events/properties.csv?prop=plan").text
    assert csv.count("\n") == 4


def test_a_value_filters_by_its_property(editor: Person) -> None:
    assert "f=is%2Cprop%3Aplan%2Cpro" in editor.get(CARD).text
    text = editor.get("/sites/shop.example?f=is,prop:plan,pro").text
    assert 'data-metric="visitors"\n              data-value="1"' in text


def test_a_name_and_a_wish_to_hide_are_kept(editor: Person) -> None:
    data = {"key": "plan", "label": "Subscription", "listed": "plan"}
    assert editor.post(PAGE, data).status_code == 302
    assert 'value="Subscription"' in editor.get(PAGE).text
    assert "Subscription" in editor.get(CARD).text
    assert editor.post(PAGE, {"key": "plan", "label": ""}).status_code == 302
    text = editor.get(CARD).text
    assert "No custom properties yet" in text
    assert "checked" not in editor.get(PAGE).text


def test_with_the_store_away_the_page_says_so(portal: Portal) -> None:
    portal.site("shop.example")
    person = portal.user("a@b.c", Role.OWNER)
    answer = person.get(PAGE)
    assert answer.status_code == 200
    assert "does not answer" in answer.text
