"""Notes: added, changed, removed, and at their day in the graph."""

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from portal.models import Role
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_shop, store_visits

PAGE = "/sites/shop.example/notes"
LAUNCH = {"day": "2026-11-09", "text": "Launch <b>day</b>"}


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_008, "portal-notes")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id, public=True)
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.EDITOR)


def graph(person: Person, query: str = "") -> Any:
    text = person.get(f"/sites/shop.example{query}").text
    return json.loads(html.unescape(re.findall(r"data-series='([^']*)'", text)[0]))


def test_a_note_stands_at_its_day(editor: Person) -> None:
    assert editor.post(PAGE, LAUNCH).status_code == 302
    drawn = graph(editor, "?period=7d")
    (note,) = drawn["notes"]
    assert note["text"] == LAUNCH["text"]
    assert drawn["days"][note["at"]] == ["2026-11-09", "2026-11-09"]
    week = graph(editor, "?period=28d&interval=week")
    first, last = week["days"][week["notes"][0]["at"]]
    assert first <= "2026-11-09" <= last
    assert graph(editor, "?period=day")["notes"] == []
    text = editor.get("/sites/shop.example?period=7d").text
    assert "Launch &lt;b&gt;day&lt;/b&gt;" in text
    assert f"{PAGE}/{note['id']}" in text


def test_a_note_is_changed_and_removed(editor: Person) -> None:
    editor.post(PAGE, LAUNCH)
    number = graph(editor)["notes"][0]["id"]
    assert editor.post(f"{PAGE}/{number}", {**LAUNCH, "text": "Letter"}).status_code == 302
    assert graph(editor)["notes"][0]["text"] == "Letter"
    editor.post(f"{PAGE}/{number}/delete", {}, form_at=PAGE)
    assert graph(editor)["notes"] == []


def test_one_s_own_is_nobody_else_s_and_no_reader_s(shop: Portal, editor: Person) -> None:
    editor.post(PAGE, LAUNCH)
    viewer = shop.user("v@b.c", Role.VIEWER)
    assert graph(viewer)["notes"] == []
    assert viewer.post(PAGE, {**LAUNCH, "shared": "y"}).status_code == 403
    editor.post(PAGE, {"day": "2026-11-10", "text": "For all", "shared": "y"})
    assert [note["text"] for note in graph(viewer)["notes"]] == ["For all"]
    assert "For all" not in shop.somebody().get("/public/shop.example").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"day": "soon"}, "Type a day such as"),
        ({"text": " "}, "Type something here."),
        ({"text": "x" * 281}, "At most 280 characters."),
    ],
)
def test_what_is_wrong_is_said(editor: Person, typed: dict[str, str], said: str) -> None:
    answer = editor.post(PAGE, {**LAUNCH, **typed})
    assert answer.status_code == 422
    assert said in answer.text


def test_the_url_names_the_day_of_a_new_note(editor: Person) -> None:
    assert 'value="2026-11-03"' in editor.get(f"{PAGE}?day=2026-11-03").text
    assert 'value="2026-11-10"' in editor.get(PAGE).text
