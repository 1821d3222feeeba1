"""The page of a site's data: what is kept, and erasing in two steps."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from portal.data.requests import Chosen, due_requests
from portal.models import ErasureRequest, Role
from store.client import Store
from tests.portal.conftest import NOW, Person, Portal
from tests.portal.counted import add_shop, store_visits

DATA = "/sites/own.example/data"
PARIS_MIDNIGHT_MS = round(datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


@pytest.fixture
def counted(make_portal: Callable[..., Portal]) -> tuple[Portal, list[tuple[Any, ...]]]:
    """A portal that counts seven rows whatever is chosen, and notes what that was."""
    asked: list[tuple[Any, ...]] = []

    def count(*what: Any) -> dict[str, int]:
        asked.append(what)
        return {"events": 7, "sessions": 2}

    return make_portal(count_chosen=count), asked


def owner_of(portal: Portal) -> Person:
    portal.site("own.example", timezone="Europe/Paris")
    return portal.user("a@b.c", Role.OWNER)


def requests(portal: Portal) -> list[ErasureRequest]:
    with portal.database.reading() as session:
        return list(session.scalars(select(ErasureRequest)))


def test_what_is_kept_is_counted_by_table(make_portal: Callable[..., Portal], store: Store) -> None:
    portal = make_portal(store)
    add_shop(portal, store_visits(store, 878_100, "data-page"))
    page = portal.user("a@b.c", Role.EDITOR).get("/sites/shop.example/data").text
    assert 'data-stored="events" data-value="8"' in page
    assert 'data-stored="sessions" data-value="4"' in page
    assert "2026-11-09" in page
    assert 'id="erase"' not in page, "an editor erases nothing"


def test_a_store_that_is_away_is_said(portal: Portal) -> None:
    person = owner_of(portal)
    page = person.get(DATA)
    assert page.status_code == 200
    assert "do not answer" in page.text


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ({"first": "2026-11-01"}, Chosen(after_ms=PARIS_MIDNIGHT_MS)),
        ({"last": "2026-10-31"}, Chosen(before_ms=PARIS_MIDNIGHT_MS)),
        (
            {"first": "2026-11-01", "last": "2026-11-01"},
            Chosen(after_ms=PARIS_MIDNIGHT_MS, before_ms=PARIS_MIDNIGHT_MS + DAY_MS),
        ),
        ({"path": " /old/* "}, Chosen(path="/old/*")),
        ({"prop": "plan"}, Chosen(prop="plan")),
        ({"prop": "plan", "value": "gold"}, Chosen(prop="plan", value="gold")),
        ({"visitor": "18446744073709551615"}, Chosen(visitor=2**64 - 1)),
        ({"everything": "y"}, Chosen()),
    ],
)
def test_first_it_is_counted_and_with_the_name_it_is_asked_for(
    counted: tuple[Portal, list[Any]], typed: dict[str, str], chosen: Chosen
) -> None:
    portal, asked = counted
    person = owner_of(portal)
    preview = person.post(f"{DATA}/erase", typed, form_at=DATA)
    assert preview.status_code == 200
    assert 'data-goes="events" data-value="7"' in preview.text
    assert asked == [(1, "Europe/Paris", chosen, NOW)]
    assert requests(portal) == []
    for name, value in typed.items():
        assert f'name="{name}"' in preview.text
        assert f'value="{value.strip() if name != "path" else value}"' in preview.text
    wrong = person.post(f"{DATA}/erase", {**typed, "confirm": "own"}, form_at=DATA)
    assert wrong.status_code == 422
    assert requests(portal) == []
    sure = {**typed, "confirm": " Own.example ", "reason": "They asked"}
    done = person.post(f"{DATA}/erase", sure, form_at=DATA)
    (row,) = requests(portal)
    assert done.location == f"/teams/1/erasures/{row.key}"
    assert (row.reason, row.asked_by, row.via) == ("They asked", "a@b.c", "portal")
    with portal.database.reading() as session:
        (due,) = due_requests(session, NOW)
        assert Chosen.read(due.chosen_secret or {}) == chosen
    assert row.key in person.get(DATA).text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "at least one"),
        ({"first": "yesterday"}, "Type a day"),
        ({"first": "2026-11-02", "last": "2026-11-01"}, "comes before"),
        ({"value": "gold"}, "property&#39;s name"),
        ({"visitor": "18446744073709551616"}, "opt-out page"),
        ({"visitor": "-1"}, "opt-out page"),
        ({"everything": "y", "path": "/"}, "not both"),
        ({"path": "/" * 2_001}, "At most 2000"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_asked_for(
    counted: tuple[Portal, list[Any]], typed: dict[str, str], words: str
) -> None:
    portal, asked = counted
    person = owner_of(portal)
    refused = person.post(f"{DATA}/erase", {**typed, "confirm": "own.example"}, form_at=DATA)
    assert refused.status_code == 422
    assert words in refused.text
    assert (asked, requests(portal)) == ([], [])


def test_what_cannot_be_counted_is_not_erased(portal: Portal) -> None:
    person = owner_of(portal)
    answer = person.post(f"{DATA}/erase", {"path": "/"}, form_at=DATA)
    assert answer.location == DATA
    assert "nothing was erased" in person.get(DATA).text
    assert requests(portal) == []
