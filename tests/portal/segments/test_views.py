"""Segments: saved from filters, used as a filter, one's own or everybody's."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal.dashboard.filters import Chip, chips_of
from portal.models import Role, SiteSegment
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_goal, add_shop, ask, store_visits

PAGE = "/sites/shop.example/settings/segments"
NEW = f"{PAGE}/new"
FRENCH = {"cond_op": ["is"], "cond_dim": ["country"], "cond_value": ["FR"]}


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_003, "portal-segments")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.EDITOR)


@pytest.fixture
def viewer(shop: Portal) -> Person:
    return shop.user("v@b.c", Role.VIEWER)


def segments(portal: Portal) -> list[SiteSegment]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(SiteSegment).order_by(SiteSegment.id)))
        session.expunge_all()
        return found


def test_filters_of_the_dashboard_become_a_segment(shop: Portal, viewer: Person) -> None:
    dashboard = viewer.get("/sites/shop.example?f=is,country,FR&f=is_not,page,/about").text
    link = f"{NEW}?f=is%2Ccountry%2CFR&amp;f=is_not%2Cpage%2C%2Fabout"
    assert link in dashboard
    form = viewer.get(link.replace("&amp;", "&")).text
    assert 'value="/about"' in form
    conditions = {
        "cond_op": ["is", "is_not", "is"],
        "cond_dim": ["country", "page", "page"],
        "cond_value": ["FR", "/about", " "],
    }
    saved = viewer.post(NEW, {"name": "France", **conditions})
    (row,) = segments(shop)
    assert row.filters == [["is", "visit:country", ["FR"]], ["is_not", "event:page", ["/about"]]]
    assert row.user_id is not None
    assert saved.headers["Location"] == f"/sites/shop.example?f=is,segment,{row.id}"
    shown = viewer.get(saved.headers["Location"]).text
    assert 'data-metric="visitors"\n              data-value="2"' in shown
    assert ">France</strong>" in shown


def test_a_segment_counts_what_the_api_counts(shop: Portal, editor: Person) -> None:
    editor.post(NEW, {"name": "France", "shared": "y", **FRENCH})
    (row,) = segments(shop)
    body = {"metrics": ["visitors", "pageviews"], "filters": [["is", "segment", [row.id]]]}
    answer = ask(shop, editor, "a@b.c", "query", body)
    text = editor.get(f"/sites/shop.example?f=is,segment,{row.id}").text
    for metric, value in zip(body["metrics"], answer["results"][0]["metrics"], strict=True):
        assert f'data-metric="{metric}"\n              data-value="{value}"' in text
    turned = editor.get(f"/sites/shop.example?f=is_not,segment,{row.id}").text
    assert 'data-metric="visitors"\n              data-value="2"' in turned


def test_one_s_own_is_nobody_else_s(shop: Portal, editor: Person, viewer: Person) -> None:
    editor.post(NEW, {"name": "Mine", **FRENCH})
    (row,) = segments(shop)
    assert "Mine" not in viewer.get(PAGE).text
    assert viewer.get(f"{PAGE}/{row.id}").status_code == 404
    assert viewer.post(f"{PAGE}/{row.id}/delete", {}, form_at=NEW).status_code == 404
    assert "There is no segment" in viewer.get(f"/sites/shop.example?f=is,segment,{row.id}").text


def test_a_viewer_makes_none_for_everybody(shop: Portal, editor: Person, viewer: Person) -> None:
    assert 'name="shared"' not in viewer.get(NEW).text
    assert viewer.post(NEW, {"name": "All", "shared": "y", **FRENCH}).status_code == 403
    editor.post(NEW, {"name": "Ours", "shared": "y", **FRENCH})
    (row,) = segments(shop)
    assert "Ours" in viewer.get(PAGE).text
    assert viewer.post(f"{PAGE}/{row.id}", {"name": "X", **FRENCH}, form_at=NEW).status_code == 403
    assert viewer.post(f"{PAGE}/{row.id}/delete", {}, form_at=NEW).status_code == 403


def test_a_segment_is_changed_and_removed(shop: Portal, editor: Person) -> None:
    editor.post(NEW, {"name": "France", **FRENCH})
    (row,) = segments(shop)
    data = {"name": "Germany", **FRENCH, "cond_value": ["DE"]}
    assert editor.post(f"{PAGE}/{row.id}", data).status_code == 302
    assert segments(shop)[0].filters == [["is", "visit:country", ["DE"]]]
    assert editor.post(f"{PAGE}/{row.id}/delete", {}, form_at=PAGE).status_code == 302
    assert segments(shop) == []


def test_one_that_says_more_than_conditions_is_changed_as_json(
    shop: Portal, editor: Person
) -> None:
    either = [["or", [["is", "visit:country", ["FR"]], ["is", "visit:country", ["DE"]]]]]
    editor.post(NEW, {"name": "Either", "filters": json.dumps(either)})
    (row,) = segments(shop)
    assert row.filters == either
    text = editor.get(f"{PAGE}/{row.id}").text
    assert "cond_value" not in text
    wrong = editor.post(f"{PAGE}/{row.id}", {"name": "Either", "filters": "{"})
    assert wrong.status_code == 422
    assert "This is not JSON." in wrong.text
    bad = editor.post(f"{PAGE}/{row.id}", {"name": "Either", "filters": '[["is", "nope", ["a"]]]'})
    assert "There is no dimension &#39;nope&#39;." in bad.text


def test_one_without_conditions_or_name_is_refused(shop: Portal, editor: Person) -> None:
    none = editor.post(
        NEW, {"name": "Empty", "cond_op": "is", "cond_dim": "page", "cond_value": ""}
    )
    assert "A segment needs at least one condition." in none.text
    assert "Type something here." in editor.post(NEW, {"name": "", **FRENCH}).text
    assert segments(shop) == []


def test_who_did_not_reach_a_goal_can_be_a_segment(shop: Portal, editor: Person) -> None:
    add_goal(editor, target="Buy")
    goal = {"cond_op": ["is_not"], "cond_dim": ["goal"], "cond_value": ["Buy"]}
    assert editor.post(NEW, {"name": "Not yet", **goal}).status_code == 302
    (row,) = segments(shop)
    assert row.filters == [["has_not_done", ["is", "event:goal", ["Buy"]]]]
    text = editor.get(f"/sites/shop.example?f=is,segment,{row.id}").text
    assert 'data-metric="visitors"\n              data-value="3"' in text


def test_filters_that_chips_cannot_say_are_no_chips() -> None:
    same = ["is", "visit:country", ["FR"]]
    assert chips_of([same]) == (Chip("is", "country", ("FR",)),)
    assert chips_of([["is", "event:props:plan", ["a,b"]]]) == (Chip("is", "prop:plan", ("a,b",)),)
    for more in (
        [["is", "visit:country", ["FR"], {"case_sensitive": False}]],
        [["matches", "event:page", ["a"]]],
        [same, same],
        [["and", [same]]],
        [["is", "visit:bot", ["x"]]],
    ):
        assert chips_of(more) is None, more
