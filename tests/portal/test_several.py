"""Several portal processes over one database: what one does holds at the others."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from edge.buffer.tries import SharedTries
from portal.accounts.people import end_sessions
from portal.admin.banner import set_banner
from portal.models import Role, User
from tests.portal.conftest import Person, Portal
from tests.support.redis_server import RedisServer


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
def portals(make_portal: Callable[..., Portal]) -> tuple[Portal, Portal]:
    return make_portal(), make_portal()


def at(portal: Portal, person: Person) -> Person:
    """The same browser, led to another process."""
    cookie = person.client.get_cookie("statflow")
    assert cookie is not None
    other = portal.somebody()
    other.client.set_cookie("statflow", cookie.value)
    return other


def test_a_session_holds_at_each_and_ends_at_each(portals: tuple[Portal, Portal]) -> None:
    one, two = portals
    person = one.user("a@b.c", Role.OWNER)
    other = at(two, person)
    assert other.get("/sites").status_code == 200
    with two.database.writing() as session:
        end_sessions(session, session.scalars(select(User)).one())
    assert person.get("/sites").status_code == 302
    assert other.get("/sites").status_code == 302


def test_a_form_of_one_is_taken_by_the_other(portals: tuple[Portal, Portal]) -> None:
    one, two = portals
    person = one.user("a@b.c", Role.OWNER)
    other = at(two, person)
    assert other.post("/teams", {"name": "Blue"}).status_code == 302
    assert "Blue" in person.get("/teams").text


def test_what_is_told_to_everybody_is_told_at_each(portals: tuple[Portal, Portal]) -> None:
    one, two = portals
    other = at(two, one.user("a@b.c", Role.OWNER))
    with one.database.writing() as session:
        set_banner(session, "Back at nine", "note")
    assert "Back at nine" in other.get("/sites").text


def test_tries_are_counted_together(
    make_portal: Callable[..., Portal], redis_server: RedisServer
) -> None:
    """So many processes, and still only so many tries."""
    counts = [SharedTries(redis_server.url, "secret") for _ in range(2)]
    one, two = (make_portal(tries=count) for count in counts)
    one.user("a@b.c", Role.OWNER)
    tried = [portal.somebody().sign_in("a@b.c", "wrong").status_code for portal in (one, two) * 5]
    assert tried == [401] * 7 + [429] * 3, "signing in above was the first try"
    redis_server.stop()
    assert one.somebody().sign_in("a@b.c", "wrong").status_code == 401
    again = [two.somebody().sign_in("a@b.c", "wrong").status_code for _ in range(9)]
    assert again == [401] * 8 + [429], "without Redis each counts for itself"
    for count in counts:
        count.close()
