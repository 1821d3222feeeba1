"""The page that says what became of every event of a site."""

from collections.abc import Callable
from typing import Any

import pytest

from portal.models import Role
from tests.portal.conftest import Portal

PATH = "/sites/one.example/events"
ACCOUNT: dict[str, Any] = {
    "received": 1_234,
    "stored": 1_000,
    "dropped": {"dnt": 30, "no_visit": 200},
    "dead_letters": 1,
    "waiting": 3,
    "difference": 0,
    "minutes": [
        {
            "at_s": 1_767_225_660,
            "received": 5,
            "stored": 4,
            "dropped": {"dnt": 1},
            "dead_letters": 0,
            "waiting": -2,
        }
    ],
}


def account(**said: Any) -> Callable[[int], dict[str, Any]]:
    rows = [dict(row) for row in ACCOUNT["minutes"]]
    return lambda _: {**ACCOUNT, "minutes": rows, **said}


def test_every_event_is_accounted_for(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(account=account(), drop_reasons={"dnt": "The browser sent DNT: 1."})
    portal.site("one.example", timezone="Asia/Tokyo")
    page = portal.user("a@b.c", Role.VIEWER).get(PATH).text
    for words in ("1,234", "1,000", "230", "The browser sent DNT: 1.", "09:01", "-2"):
        assert words in page
    assert page.index("no_visit") < page.index("<code>dnt")
    assert "not accounted for" not in page


def test_a_difference_is_said_in_plain_words(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(account=account(difference=2))
    portal.site("one.example")
    assert "2 events are not accounted for" in portal.user("a@b.c", Role.VIEWER).get(PATH).text


def fails(_: int) -> dict[str, Any]:
    raise ConnectionError("away")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (fails, "cannot be read right now"),
        (account(received=0), "No event has arrived"),
        (account(dropped={}, minutes=[]), "Nothing came."),
    ],
)
def test_it_says_when_there_is_nothing_to_show(
    make_portal: Callable[..., Portal], asked: Callable[[int], dict[str, Any]], words: str
) -> None:
    portal = make_portal(account=asked)
    portal.site("one.example")
    assert words in portal.user("a@b.c", Role.VIEWER).get(PATH).text


def test_the_site_of_another_team_has_no_such_page(portal: Portal) -> None:
    portal.site("one.example")
    assert portal.user("a@b.c").get(PATH).status_code == 404
