"""The live page: numbers of this moment, and a stream that ends when it may not be seen."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, select

from portal.live.stream import Seats, pieces
from portal.models import Membership, Role, User, UserSession
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_shop, ask, store_visits

PAGE = "/sites/shop.example/live"


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_009, "portal-live")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store, live_every_s=0.01, live_streams=2)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def viewer(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.VIEWER)


def test_lists_are_the_api_s_of_the_last_half_hour(shop: Portal, viewer: Person) -> None:
    text = viewer.get(PAGE).text
    between = ["2026-11-10T14:50:00+00:00", "2026-11-10T15:20:00+00:00"]
    for dimension in ("event:page", "visit:source", "visit:country"):
        body = {"metrics": ["visitors"], "dimensions": [dimension], "date_range": between}
        answer = ask(shop, viewer, "a@b.c", "query", body)
        assert answer["results"]
        for row in answer["results"]:
            name = {"DE": "Germany"}.get(row["dimensions"][0], row["dimensions"][0])
            assert f'title="{name}"' in text
            assert f'title="{row["metrics"][0]}"' in text


def test_minutes_and_events_are_those_that_came(viewer: Person) -> None:
    text = viewer.get(PAGE).text
    assert "15:10: 1 visitor, 2 page views" in text
    assert len(re.findall(r'<rect [^>]*width="8"', text)) == 30
    assert text.count('class="present" fill="url(#hatched)"') == 1
    feed = text.split('class="feed"')[1].split("</ol>")[0]
    assert feed.index('title="/basket"') < feed.index('title="/shop"')
    assert "15:10:20" in feed
    assert 'data-live="0"' in text


def test_in_cnil_mode_no_single_event_is_shown(
    make_portal: Callable[..., Portal], store: Store, shop_id: int
) -> None:
    portal = make_portal(store)
    add_shop(portal, shop_id, cnil=True)
    text = portal.user("a@b.c", Role.VIEWER).get(PAGE).text
    assert 'class="feed"' not in text
    assert "In CNIL mode single events are not shown." in text


def test_without_scripts_the_page_loads_itself_again_if_asked(viewer: Person) -> None:
    plain = viewer.get(PAGE)
    assert "Refresh" not in plain.headers
    assert f'{PAGE}?refresh=1">Load again every 10 seconds' in plain.text
    again = viewer.get(f"{PAGE}?refresh=1")
    assert again.headers["Refresh"] == "10"
    assert "live.js" not in again.text


def stream(person: Person) -> Iterator[str]:
    answer = person.client.get(f"{PAGE}/stream", buffered=False)
    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    return (chunk.decode() for chunk in answer.iter_encoded())


def view_of(chunks: Iterator[str]) -> str:
    return next(chunk for chunk in chunks if chunk.startswith("event: view"))


def test_the_stream_sends_the_inside_and_then_beats(viewer: Person) -> None:
    chunks = stream(viewer)
    assert next(chunks).startswith("retry: ")
    view = view_of(chunks)
    sent = "\n".join(line.removeprefix("data: ") for line in view.splitlines()[1:])
    assert sent.strip() == viewer.get(f"{PAGE}/view").text.strip()
    assert next(chunks) == ": beat\n\n"


def end_session(session: Any) -> None:
    session.execute(delete(UserSession))


def leave_team(session: Any) -> None:
    session.execute(delete(Membership))


def change_key(session: Any) -> None:
    session.scalars(select(User)).one().session_key = "another"


@pytest.mark.parametrize("act", [end_session, leave_team, change_key])
def test_the_stream_ends_when_the_person_may_no_longer_see(
    shop: Portal, viewer: Person, act: Callable[[Any], None]
) -> None:
    chunks = stream(viewer)
    view_of(chunks)
    with shop.database.writing() as session:
        act(session)
    assert "event: end\ndata: \n\n" in list(chunks)


def test_there_are_few_seats_and_each_is_given_back(shop: Portal, viewer: Person) -> None:
    answers = [viewer.client.get(f"{PAGE}/stream", buffered=False) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert answers[2].headers["Retry-After"]
    answers[0].close()
    again = viewer.client.get(f"{PAGE}/stream", buffered=False)
    assert again.status_code == 200
    again.close()
    answers[1].close()
    assert shop.surroundings.live_seats.take()


def test_a_stream_ends_by_itself_after_a_while() -> None:
    found = list(pieces(lambda: "a\nb", threading.Event().wait, 0.01, longest_s=0.05))
    assert found[1] == "event: view\ndata: a\ndata: b\n\n"
    assert len(found) > 2
    assert set(found[2:]) == {": beat\n\n"}


def test_a_seat_is_not_given_twice() -> None:
    seats = Seats(1)
    assert seats.take()
    assert not seats.take()
    seats.leave()
    assert seats.take()


def test_who_has_no_right_gets_nothing(shop: Portal, viewer: Person) -> None:
    shop.site("foreign.example", team="Others")
    for path in ("live", "live/view", "live/stream"):
        assert viewer.get(f"/sites/foreign.example/{path}").status_code == 404
        assert shop.somebody().get(f"/sites/shop.example/{path}").status_code == 302
