"""Rounds over the real store: reports once a period, by the site's clock, numbers as the API's."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from portal.database import Database
from portal.mail import Mail, MailError
from portal.messages.message import from_json
from portal.messages.outbox import RETRY_AFTER_S, State
from portal.messages.recipients import Kind, Wanted, add_recipient
from portal.messages.rounds import Rounds
from portal.models import Delivery, Recipient, Site, SiteHost
from store.client import Store
from tests.portal.conftest import NOW, AwayStore
from tests.portal.messages.conftest import ways
from tests.store.query.dataset import a_visit, store_traffic

TUESDAY = NOW
"""The 10th of November 2026; the week of the 2nd to the 8th is due since Monday at seven."""
LONG_AGO = NOW - timedelta(days=90)
_ids = count(843_000)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = TUESDAY

    def __call__(self) -> datetime:
        return self.now


class Post:
    """Takes mail in memory; raises what it is told to."""

    def __init__(self) -> None:
        self.taken: list[Mail] = []
        self.fails: MailError | None = None
        self.crashes_for = ""

    def __call__(self, mail: Mail) -> None:
        if mail.to == self.crashes_for:
            raise RuntimeError
        if self.fails is not None:
            raise self.fails
        self.taken.append(mail)


class Office:
    """A database, a store, a mail server, and processes that do rounds."""

    def __init__(self, database: Database, store: Any) -> None:
        self.database = database
        self.store = store
        self.clock = Clock()
        self.mail = Post()
        self._running: list[Rounds] = []

    def process(self, name: str = "one") -> Rounds:
        sender = ways(mail=self.mail)
        rounds = Rounds(self.database, self.store, sender, name, self.clock)
        self._running.append(rounds)
        return rounds

    def close(self) -> None:
        for rounds in self._running:
            rounds.close()

    def site(self, host: str, timezone: str = "UTC", *gets: str) -> int:
        number = next(_ids)
        with self.database.writing() as session:
            site = Site(
                id=number, team_id=1, host=host, public_key=f"stk_{number}", created_at=NOW,
                upstreams=["http://a:1"], hosts=[SiteHost(host=host)], timezone=timezone,
            )  # fmt: skip
            session.add(site)
            session.flush()
            wanted = Wanted(Kind.EMAIL, f"owner@{host}", "", gets or ("weekly",))
            add_recipient(session, site, wanted, LONG_AGO, lambda _: "")
        return number

    def rows(self) -> list[Delivery]:
        with self.database.reading() as session:
            found = list(session.scalars(select(Delivery).order_by(Delivery.id)))
            session.expunge_all()
            return found


@pytest.fixture
def office(database: Database, store: Store) -> Any:
    made = Office(database, store)
    yield made
    made.close()


def a_week(store: Store, site_id: int) -> None:
    """Three visits in the week of the report, one in the week before, one on its Monday."""
    google = {"source": "Google", "channel": "Organic Search", "country": "FR"}
    visits = [
        a_visit("UTC", "2026-11-02T00:10:00", None, **google).view("/").view("/a", 30),
        a_visit("UTC", "2026-11-04T10:00:00", None, **google).view("/<i>"),
        a_visit("UTC", "2026-11-08T23:50:00").view("/"),
        a_visit("UTC", "2026-10-28T10:00:00").view("/"),
        a_visit("UTC", "2026-11-09T00:10:00").view("/"),
    ]
    events = [event for visit in visits for event in visit.events]
    store_traffic(store, site_id, events, f"rounds-{site_id}")


def test_a_weekly_report_says_what_the_api_says(office: Office, store: Store) -> None:
    a_week(store, office.site("week.example"))
    assert office.process().run()
    (mail,) = office.mail.taken
    assert mail.to == "owner@week.example"
    assert mail.subject.startswith("Week of week.example: 2 Nov")
    told = from_json(office.rows()[0].content)
    assert {line.name: line.value for line in told.figures} == {
        "Visitors": "3",
        "Visits": "3",
        "Page views": "4",
        "Views per visit": "1.33",
        "Bounce rate": "67%",
        "Engaged time": "0s",
    }
    assert told.figures[0].change == "+200%"
    assert [point.value for point in told.chart] == [1, 0, 1, 0, 0, 0, 1]
    lists = {table.title: [(row.name, row.value) for row in table.rows] for table in told.tables}
    assert lists["Top pages"] == [("/", "2"), ("/<i>", "1"), ("/a", "1")]
    assert lists["Top sources"] == [("Google", "2"), ("Direct / None", "1")]
    assert lists["Countries"] == [("France", "2")]
    assert told.data is not None
    assert told.data["metrics"]["visitors"] == 3
    assert told.data["before"]["visitors"] == 1
    assert "/&lt;i&gt;" in mail.html


def test_a_report_goes_once_however_many_rounds_and_processes(office: Office) -> None:
    office.site("once.example")
    one, two = office.process("one"), office.process("two")
    assert one.run()
    assert not two.run()
    one.close()
    assert two.run()
    office.clock.now += timedelta(hours=3)
    assert two.run()
    assert len(office.mail.taken) == 1
    office.clock.now += timedelta(days=6)
    two.run()
    assert len(office.mail.taken) == 2


def test_two_topics_are_two_reports(office: Office) -> None:
    office.site("both.example", "UTC", "weekly", "monthly")
    office.clock.now = datetime(2026, 11, 2, 8, tzinfo=NOW.tzinfo)
    office.process().run()
    assert {mail.subject.split()[0] for mail in office.mail.taken} == {"Week", "Month"}
    assert len(office.mail.taken) == 2


def test_every_site_has_its_own_morning(office: Office) -> None:
    office.site("east.example", "Asia/Tokyo")
    office.site("west.example", "America/Los_Angeles")
    office.clock.now = datetime(2026, 11, 8, 22, 30, tzinfo=NOW.tzinfo)
    process = office.process()
    process.run()
    assert [mail.to for mail in office.mail.taken] == ["owner@east.example"]
    office.clock.now = datetime(2026, 11, 9, 15, 0, tzinfo=NOW.tzinfo)
    process.run()
    assert office.mail.taken[-1].to == "owner@west.example"


def test_who_comes_after_the_report_gets_the_next(office: Office) -> None:
    number = office.site("late.example")
    with office.database.writing() as session:
        site = session.get_one(Site, number)
        wanted = Wanted(Kind.EMAIL, "new@late.example", "", ("weekly",))
        add_recipient(session, site, wanted, TUESDAY, lambda _: "")
    office.process().run()
    assert [mail.to for mail in office.mail.taken] == ["owner@late.example"]


def test_with_the_store_away_reports_wait(office: Office, store: Store) -> None:
    office.site("wait.example")
    office.store = AwayStore()
    process = office.process()
    assert process.run()
    assert office.rows() == []
    process.close()
    office.store = store
    office.process("next").run()
    assert len(office.mail.taken) == 1


def test_what_the_mail_server_puts_off_is_tried_again_and_the_rest_goes(office: Office) -> None:
    office.site("one.example")
    office.mail.fails = MailError("451", again=True)
    process = office.process()
    process.run()
    assert [row.state for row in office.rows()] == [State.WAITING]
    office.mail.fails = None
    process.run()
    assert office.mail.taken == []
    office.clock.now += timedelta(seconds=RETRY_AFTER_S[0])
    process.run()
    assert [row.state for row in office.rows()] == [State.SENT]
    assert len(office.mail.taken) == 1


def test_a_crash_of_one_message_stops_no_other(office: Office) -> None:
    office.site("bad.example")
    office.site("good.example")
    office.mail.crashes_for = "owner@bad.example"
    office.process().run()
    assert sorted(row.state for row in office.rows()) == [State.CLAIMED, State.SENT]
    assert [mail.to for mail in office.mail.taken] == ["owner@good.example"]


def test_a_site_that_is_gone_takes_its_recipients_with_it(office: Office) -> None:
    number = office.site("gone.example")
    with office.database.writing() as session:
        session.delete(session.get_one(Site, number))
    office.process().run()
    with office.database.reading() as session:
        assert session.scalar(select(Recipient)) is None
    assert office.mail.taken == []
