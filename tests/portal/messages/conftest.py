"""A receiver on loopback, ways that reach it, and a site with recipients."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.commands import add_site
from portal.database import Database
from portal.messages.message import Line, Message, Point, Table, Topic
from portal.messages.post import Poster
from portal.messages.recipients import Kind, Wanted, add_recipient
from portal.messages.unsubscribe import Unsubscriber
from portal.messages.ways import Ways
from portal.models import Recipient, Site
from statflow.reach import reach_checker
from tests.portal.conftest import NOW
from tests.support.receiver import Receiver, running_receiver

SECRET = "only for tests"
BASE = "https://portal.example"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def poster(ranges: str = "loopback") -> Poster:
    return Poster(reach_checker(ranges))


def ways(**changes: Any) -> Ways:
    boring: dict[str, Any] = {
        "base": BASE,
        "poster": poster(),
        "unsubscriber": Unsubscriber(SECRET, BASE),
    }
    return Ways(**(boring | changes))


def a_message(**changes: Any) -> Message:
    boring: dict[str, Any] = {
        "topic": Topic.WEEKLY,
        "site": "own.example",
        "title": "Week of own.example: 2 to 8 Nov 2026",
        "text": "",
        "path": "/sites/own.example?period=day",
        "figures": (Line("Visitors", "1,234", "+12%", "good"),),
        "tables": (Table("Top pages", (Line("/<b>*a*</b>", "12"), Line("/@everyone", "3"))),),
        "chart": (Point("2 Nov", 3), Point("3 Nov", 0)),
        "chart_title": "Visitors by day",
        "data": {"metrics": {"visitors": 1234}},
    }
    return Message(**(boring | changes))


@pytest.fixture
def site_id(database: Database) -> int:
    with database.writing() as session:
        return add_site(session, "own.example", "http://10.0.0.5:3000").id


@pytest.fixture
def recipient(database: Database, site_id: int) -> Callable[..., Recipient]:
    """Add a recipient of the site."""

    def add(kind: Kind, address: str, *gets: str, key: str = "", at: Any = NOW) -> Recipient:
        with database.writing() as session:
            site = session.get_one(Site, site_id)
            wanted = Wanted(kind, address, key, gets or ("weekly", "monthly", "alerts"))
            return add_recipient(session, site, wanted, at, lambda _: "")

    return add
