"""Building funnels: steps by buttons, a preview that is the API's answer, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.funnels.forms import Steps
from portal.models import Role, SiteFunnel
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_goal, add_shop, ask, store_visits

PAGE = "/sites/shop.example/settings/funnels"
NEW = f"{PAGE}/new"
TERMS = {"within": "visit", "between": "any", "window": "2", "unit": "3600"}


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_004, "portal-funnels")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    """Somebody who has defined three goals, numbered 1 to 3."""
    person = shop.user("a@b.c", Role.EDITOR)
    add_goal(person, kind="page", target="/shop")
    add_goal(person, kind="page", target="/basket")
    add_goal(person, target="Buy", currency="EUR")
    return person


def funnels(portal: Portal) -> list[SiteFunnel]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(SiteFunnel).order_by(SiteFunnel.id)))
        session.expunge_all()
        return found


def test_a_funnel_is_built_saved_changed_and_removed(shop: Portal, editor: Person) -> None:
    saved = editor.post(NEW, {"name": "Way", "steps": ["1", "", "2", "3"], **TERMS})
    (row,) = funnels(shop)
    assert (row.steps, row.within, row.window_s) == ([1, 2, 3], "visit", 7200)
    assert saved.headers["Location"] == f"/sites/shop.example/funnels?funnel={row.id}"
    text = editor.get(f"{PAGE}/{row.id}").text
    assert 'value="2"' in text
    assert '<option value="3600" selected>hours</option>' in text
    editor.post(f"{PAGE}/{row.id}", {"name": "Short", "steps": ["3", "1"], **TERMS})
    assert (funnels(shop)[0].name, funnels(shop)[0].steps) == ("Short", [3, 1])
    assert "Buy → Visit /shop" in editor.get(PAGE).text
    editor.post(f"{PAGE}/{row.id}/delete", {}, form_at=PAGE)
    assert funnels(shop) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"steps": ["1"]}, "A funnel has from 2 to 10 steps."),
        ({"name": ""}, "Type something here."),
        ({"window": "32", "unit": "86400"}, "the longest is 31 days"),
        ({"window": "some"}, "Type a whole number"),
        ({"steps": ["1", "99"]}, "There is no goal 99 at this site."),
        ({"within": "team"}, "Choose one of the list."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    shop: Portal, editor: Person, typed: dict[str, Any], said: str
) -> None:
    data = {"name": "Way", "steps": ["1", "2"], **TERMS, **typed}
    answer = editor.post(NEW, data)
    assert answer.status_code == 422
    assert said in answer.text
    assert '<option value="1" selected>' in answer.text
    assert funnels(shop) == []


def test_buttons_move_steps_without_saving(shop: Portal, editor: Person) -> None:
    data = {"name": "Way", "steps": ["1", "2", "3"], **TERMS}
    text = editor.post(NEW, {**data, "act": "up:2"}).text
    chosen = [part.split('"')[0] for part in text.split('<option value="') if "selected>" in part]
    assert chosen[:3] == ["1", "3", "2"]
    assert editor.post(NEW, {**data, "act": "more"}).text.count('name="steps"') == 4
    assert editor.post(NEW, {**data, "act": "drop:0"}).text.count("selected>") == 5
    assert funnels(shop) == []


def test_steps_stay_within_their_bounds() -> None:
    steps = Steps.read([str(n) for n in range(1, 13)])
    assert len(steps.chosen) == 10
    steps.act("more")
    assert len(steps.chosen) == 10
    steps.act("up:0")
    steps.act("drop:99")
    steps.act("up:²")
    assert steps.chosen == list(range(1, 11))
    assert Steps.read([]).shown == [0, 0, 0]


def test_the_preview_is_the_api_s_answer(shop: Portal, editor: Person) -> None:
    steps = ["Visit /shop", "Visit /basket", "Buy"]
    funnel = {"steps": steps, "within": "visit", "window_s": 7200}
    answer = ask(shop, editor, "a@b.c", "funnel", {"funnel": funnel})
    shown = editor.get(f"{PAGE}/preview?steps=1&steps=2&steps=3&within=visit&window=2&unit=3600")
    expected = [step["count"] for step in answer["results"][0]["steps"]]
    assert expected == [3, 2, 1]
    for place, count in enumerate(expected, 1):
        assert f'data-step="{place}"\n                data-value="{count}"' in shown.text
    sent = {"name": "", "steps": ["1", "2", "3"], "act": "preview", **TERMS}
    assert 'data-value="2"' in editor.post(NEW, sent).text
    assert "from 2 to 10 steps" in editor.get(f"{PAGE}/preview?steps=1").text


def test_without_goals_the_page_says_what_comes_first(
    make_portal: Callable[..., Portal], store: Store
) -> None:
    portal = make_portal(store)
    portal.site("empty.example")
    person = portal.user("a@b.c", Role.OWNER)
    assert "A funnel needs two goals." in person.get("/sites/empty.example/settings/funnels").text
