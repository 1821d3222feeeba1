"""The pages of goals: all kinds, said plainly when wrong, and counted as the API does."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.models import Role, SiteGoal
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_goal, add_shop, ask, store_visits

PAGE = "/sites/shop.example/settings/goals"


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_001, "portal-goals")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.EDITOR)


def goals(portal: Portal) -> list[SiteGoal]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(SiteGoal).order_by(SiteGoal.id)))
        session.expunge_all()
        return found


def test_every_kind_of_goal_is_made_with_what_it_has(shop: Portal, editor: Person) -> None:
    add_goal(editor, target="Buy", name="Bought", props="plan=pro", currency="eur", scroll="70")
    add_goal(editor, kind="page", target="/basket", scroll="70", props="a=b", currency="EUR")
    add_goal(editor, kind="scroll", target="/about", scroll="75 %")
    add_goal(editor, kind="http", target="/order", method="post", status="303", scroll="70")
    bought, basket, read, ordered = goals(shop)
    assert (bought.name, bought.props, bought.currency) == ("Bought", {"plan": "pro"}, "EUR")
    assert bought.scroll == 0
    assert (basket.name, basket.props, basket.currency) == ("Visit /basket", {}, "")
    assert (read.name, read.scroll) == ("Scroll 75% on /about", 75)
    assert (ordered.method, ordered.status, ordered.scroll) == ("POST", "303", 0)
    text = editor.get(PAGE).text
    assert "answered POST 303" in text
    for name in ("Bought", "Visit /basket", "Scroll 75% on /about", ordered.name):
        assert name in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"target": ""}, "Type something here."),
        ({"kind": "page", "target": "basket"}, "The pattern of a page begins with / or *."),
        ({"kind": "scroll", "target": "/a", "scroll": "0"}, "Type a whole number from 1 to 100."),
        ({"kind": "scroll", "target": "/a", "scroll": "many"}, "whole number from 1 to 100"),
        ({"target": "pageview"}, "Pageview and engagement are no custom events"),
        ({"target": "Buy", "props": "plan"}, "Type name=value, one a line."),
        ({"target": "Buy", "props": "a=1\nb=2\nc=3\nd=4"}, "At most 3."),
        ({"target": "Buy", "currency": "E1"}, "This has characters that cannot stand here."),
        ({"kind": "nonsense", "target": "Buy"}, "Choose one of the list."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    shop: Portal, editor: Person, typed: dict[str, str], said: str
) -> None:
    answer = editor.post(PAGE, {"kind": "event", "name": "Kept words", **typed})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'class="field-error"' in answer.text
    assert "Kept words" in answer.text
    assert goals(shop) == []


def test_a_name_is_given_once(shop: Portal, editor: Person) -> None:
    add_goal(editor, target="Buy")
    again = editor.post(PAGE, {"kind": "event", "target": "Buy"})
    assert again.status_code == 422
    assert "There is a goal &#39;Buy&#39; already." in again.text
    assert len(goals(shop)) == 1


def test_a_goal_is_changed_and_removed(shop: Portal, editor: Person) -> None:
    add_goal(editor, target="Buy")
    number = goals(shop)[0].id
    assert 'value="Buy"' in editor.get(f"{PAGE}/{number}").text
    data = {"kind": "event", "target": "Look", "name": "Looked"}
    assert editor.post(f"{PAGE}/{number}", data).status_code == 302
    assert goals(shop)[0].target == "Look"
    assert editor.post(f"{PAGE}/{number}/delete", {}, form_at=PAGE).status_code == 302
    assert goals(shop) == []
    assert editor.get(f"{PAGE}/{number}").status_code == 404


def test_a_goal_that_a_funnel_needs_stays(shop: Portal, editor: Person) -> None:
    add_goal(editor, target="Buy")
    add_goal(editor, kind="page", target="/basket")
    ids = [goal.id for goal in goals(shop)]
    funnel = {"name": "Way", "steps": ids, "within": "visit", "between": "any", "window": "1"}
    editor.post("/sites/shop.example/settings/funnels/new", funnel)
    editor.post(f"{PAGE}/{ids[0]}/delete", {}, form_at=PAGE)
    assert len(goals(shop)) == 2
    assert "It is a step of the funnel" in editor.get(PAGE).text


def test_goals_of_rules_are_listed_with_their_origin(shop: Portal, editor: Person) -> None:
    text = '[{"id": "g", "kind": "goal", "name": "Thanks", "paths": ["/thanks"]}]'
    rules = "/sites/shop.example/rules"
    seen = editor.get(rules).text.split('name="seen" value="')[1].split('"')[0]
    assert editor.post(rules, {"act": "text", "text": text, "seen": seen}).status_code == 302
    assert "Thanks" in editor.get(PAGE).text


def test_a_goal_of_another_site_is_not_there(shop: Portal, editor: Person) -> None:
    shop.site("other.example", team="Others")
    other = shop.user("o@b.c", Role.OWNER, "Others")
    path = "/sites/other.example/settings/goals"
    assert other.post(path, {"kind": "event", "target": "Buy"}).status_code == 302
    number = goals(shop)[0].id
    assert editor.get(f"{PAGE}/{number}").status_code == 404
    assert editor.post(f"{PAGE}/{number}/delete", {}, form_at=PAGE).status_code == 404


def test_the_card_counts_what_the_api_counts(shop: Portal, editor: Person) -> None:
    empty = editor.get("/sites/shop.example/cards/events").text
    assert "No goals yet" in empty
    add_goal(editor, target="Buy", currency="EUR")
    add_goal(editor, kind="page", target="/basket")
    metrics = ["visitors", "events", "conversion_rate", "total_revenue"]
    body: dict[str, Any] = {"metrics": metrics, "dimensions": ["event:goal"]}
    answer = ask(shop, editor, "a@b.c", "query", body)
    text = " ".join(editor.get("/sites/shop.example/cards/events").text.split())
    assert len(answer["results"]) == 2
    for row in answer["results"]:
        visitors, events, rate, revenue = row["metrics"]
        assert f">{row['dimensions'][0]}</a>" in text
        for shown in (f'title="{visitors}"', f'title="{events}"', f'title="{rate:g}%"'):
            assert shown in text
        assert (f'title="{revenue["long"]}"' in text) if revenue else ("not known" in text)


def test_a_goal_as_a_filter_turns_the_headline_to_conversions(shop: Portal, editor: Person) -> None:
    add_goal(editor, target="Buy", currency="EUR")
    path = "/sites/shop.example?f=is,goal,Buy"
    text = editor.get(path).text
    assert "Unique conversions" in text
    assert "Bounce rate" not in text.split('class="graph-head"')[0]
    body = {"filters": [["is", "event:goal", ["Buy"]]]}
    metrics = ["visitors", "events", "conversion_rate", "total_revenue"]
    answer = ask(shop, editor, "a@b.c", "query", {**body, "metrics": metrics})
    visitors, events, rate, revenue = answer["results"][0]["metrics"]
    shown = (visitors, events, rate, revenue["value"])
    for metric, value in zip(metrics, shown, strict=True):
        assert f'data-metric="{metric}"\n              data-value="{value}"' in text, metric
    turned = editor.get("/sites/shop.example?f=is_not,goal,Buy").text
    assert 'data-value="3"' in turned
    assert "Bounce rate" in turned
