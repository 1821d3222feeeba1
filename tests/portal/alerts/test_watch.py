"""Alerts over the real store: what is trouble, what is not, and that it is told once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from portal.alerts.kinds import KINDS, Measured
from portal.alerts.watch import Watch, write_alert
from portal.dashboard.questions import Asker
from portal.database import Database
from portal.goals.known import goals_of
from portal.messages.recipients import Kind, Wanted, add_recipient
from portal.models import AlertRule, AuditEntry, Delivery, Recipient, Site, SiteGoal, SiteHost
from store.client import Store
from store.query.model import QuerySite
from tests.portal.conftest import NOW
from tests.store.query.dataset import a_visit, store_traffic

_ids = count(850_000)


def ms(**ago: float) -> int:
    return round((NOW - timedelta(**ago)).timestamp() * 1000)


@dataclass
class Scene:
    """A site with a recipient of alerts."""

    database: Database
    store: Store
    site_id: int

    def rule(self, kind: str, threshold: float, goal: str = "", quiet_h: int = 6) -> None:
        with self.database.writing() as session:
            session.add(
                AlertRule(
                    site_id=self.site_id,
                    kind=kind,
                    threshold=threshold,
                    goal=goal,
                    quiet_h=quiet_h,
                    created_at=NOW,
                )
            )

    def watch(self) -> Watch:
        def asker_for(session: Any, site: Site, now: datetime) -> Asker:
            asked = QuerySite(site.id, site.host, site.timezone, goals=goals_of(session, site))
            return Asker(self.store, asked, now)

        return Watch(self.database, asker_for)

    def told(self) -> list[str]:
        with self.database.reading() as session:
            rows = session.scalars(select(Delivery).order_by(Delivery.id))
            return [row.content["text"] for row in rows]

    def put(self, table: str, rows: int, **columns: list[Any]) -> None:
        told = {"site_id": [self.site_id] * rows, **columns}
        self.store.insert(table, told, token=f"alert-{next(_ids)}")

    def hits(self, statuses: list[int], paths: list[str], **ago: float) -> None:
        n = len(statuses)
        self.put(
            "hits", n, ts=[ms(**ago)] * n, status=statuses, path=paths,
            kind=["document"] * n, method=["GET"] * n,
        )  # fmt: skip

    def visitors(self, number: int, first: int = 1, **ago: float) -> None:
        self.put(
            "events", number, ts=[ms(**ago)] * number, name=["pageview"] * number,
            visitor=list(range(first, first + number)), path=["/"] * number,
        )  # fmt: skip


@pytest.fixture
def scene(database: Database, store: Store) -> Scene:
    number = next(_ids)
    with database.writing() as session:
        site = Site(
            id=number, team_id=1, host="one.example", public_key=f"stk_{number}", created_at=NOW,
            upstreams=["http://a:1"], hosts=[SiteHost(host="one.example")],
        )  # fmt: skip
        session.add(site)
        session.flush()
        wanted = Wanted(Kind.EMAIL, "a@b.example", "", ("alerts",))
        add_recipient(session, site, wanted, NOW, lambda _: "")
    return Scene(database, store, number)


def test_many_visitors_at_once_are_told(scene: Scene) -> None:
    scene.visitors(5, minutes=2)
    scene.rule("spike", 6)
    scene.rule("spike", 5)
    assert scene.watch().look(NOW) == 1
    assert scene.told() == [
        "5 visitors in the last 5 minutes. You asked to be told at 5 visitors or more."
    ]


def test_traffic_that_is_gone_is_told_where_there_was_some(scene: Scene) -> None:
    scene.rule("drop", 1)
    assert scene.watch().look(NOW) == 0
    scene.visitors(10, days=2)
    assert scene.watch().look(NOW) == 1
    assert scene.told()[0].startswith(
        "0 visitors in the last 12 hours; in the seven days before: 10."
    )


def test_traffic_that_is_there_is_not_gone(scene: Scene) -> None:
    scene.rule("drop", 1)
    scene.visitors(11, hours=11)
    assert scene.watch().look(NOW) == 0


def test_a_goal_that_is_reached_is_told(scene: Scene) -> None:
    with scene.database.writing() as session:
        session.add(
            SiteGoal(
                site_id=scene.site_id, name="Order", kind="event", target="Order", created_at=NOW
            )
        )
    visits = [a_visit("UTC", f"2026-11-10T1{n}:00:00").view("/").add("Order", 5) for n in range(3)]
    events = [event for visit in visits for event in visit.events]
    store_traffic(scene.store, scene.site_id, events, f"alert-{scene.site_id}")
    scene.rule("goal", 4, "Order")
    scene.rule("goal", 1, "No longer there")
    assert scene.watch().look(NOW) == 0
    scene.rule("goal", 3, "Order")
    assert scene.watch().look(NOW) == 1
    assert "3 visitors reached “Order” in the last 24 hours." in scene.told()[0]


def test_failing_pages_are_told_from_enough_of_them(scene: Scene) -> None:
    scene.rule("server_errors", 5)
    scene.hits([500] * 20, ["/"] * 20, minutes=10)
    assert scene.watch().look(NOW) == 0
    scene.hits([200] * 30 + [404], ["/"] * 31, minutes=9)
    assert scene.watch().look(NOW) == 1
    assert "20 of 51 pages were answered with an error" in scene.told()[0]


def test_failures_of_an_hour_ago_are_past(scene: Scene) -> None:
    scene.rule("server_errors", 5)
    scene.hits([500] * 60, ["/"] * 60, minutes=61)
    assert scene.watch().look(NOW) == 0


def test_errors_of_scripts_are_told_by_visitors(scene: Scene) -> None:
    scene.rule("script_errors", 10)
    scene.visitors(20, minutes=10)
    scene.put(
        "signals", 9, ts=[ms(minutes=5)] * 9, kind=["error"] * 8 + ["click"],
        visitor=[1, 1, 1, 1, 1, 1, 1, 2, 3],
    )  # fmt: skip
    assert scene.watch().look(NOW) == 1
    assert "2 of 20 visitors met an error of a script" in scene.told()[0]


def test_a_low_capture_rate_is_told(scene: Scene) -> None:
    scene.rule("capture", 50)
    scene.put(
        "hits", 100, ts=[ms(hours=2)] * 100, capture=["eligible"] * 100, kind=["document"] * 100,
        method=["GET"] * 100, visitor=[1] * 100,
    )  # fmt: skip
    scene.put(
        "events", 40, ts=[ms(hours=2)] * 40, visitor=[1] * 40, is_first=[True] * 40,
        name=["pageview"] * 40,
    )  # fmt: skip
    assert scene.watch().look(NOW) == 1
    assert "40 of 100 page views were confirmed" in scene.told()[0]
    assert "below 50 percent of page views" in scene.told()[0]


def test_missing_pages_are_told_with_the_worst(scene: Scene) -> None:
    scene.rule("broken", 5)
    scene.hits([404] * 4 + [410, 200], ["/a?x=1", "/a?x=2", "/a", "/b", "/b", "/c"], hours=3)
    assert scene.watch().look(NOW) == 1
    assert "People met 5 missing pages in the last 24 hours: /a (3), /b (2)." in scene.told()[0]


def test_slow_pages_are_told_by_the_slowest_quarter(scene: Scene) -> None:
    scene.rule("slow", 4000)
    scene.put(
        "signals", 50, ts=[ms(hours=3)] * 50, kind=["vital"] * 50, label=["LCP"] * 50,
        value=[1000.0] * 30 + [5000.0] * 20,
    )  # fmt: skip
    assert scene.watch().look(NOW) == 1
    assert "A quarter of 50 page views took 5,000 ms or longer" in scene.told()[0]


def test_the_same_trouble_is_told_again_only_after_the_quiet_hours(scene: Scene) -> None:
    scene.rule("broken", 1, quiet_h=6)
    scene.hits([404], ["/a"], hours=1)
    watch = scene.watch()
    assert watch.look(NOW) == 1
    for hours in (0.1, 1, 5.9):
        assert watch.look(NOW + timedelta(hours=hours)) == 0
        assert scene.watch().look(NOW + timedelta(hours=hours)) == 0
    assert watch.look(NOW + timedelta(hours=6)) == 1
    assert len(scene.told()) == 2


def test_nothing_is_raised_while_nobody_would_be_told(scene: Scene) -> None:
    scene.rule("broken", 1)
    scene.hits([404], ["/a"], hours=1)
    with scene.database.writing() as session:
        session.scalars(select(Recipient)).one().gets = ["weekly"]
    assert scene.watch().look(NOW) == 0
    with scene.database.writing() as session:
        assert session.scalars(select(AlertRule)).one().raised_at is None
        session.scalars(select(Recipient)).one().gets = ["alerts"]
    assert scene.watch().look(NOW) == 1


def test_bots_raise_no_alert(scene: Scene) -> None:
    scene.rule("broken", 1)
    scene.put(
        "hits", 9, ts=[ms(hours=1)] * 9, status=[404] * 9, path=["/wp-login.php"] * 9,
        kind=["document"] * 9, bot=["scanner"] * 9,
    )  # fmt: skip
    assert scene.watch().look(NOW) == 0


def test_raising_is_no_change_that_somebody_made(scene: Scene) -> None:
    scene.rule("broken", 1)
    scene.hits([404], ["/a"], hours=1)
    with scene.database.reading() as session:
        before = len(list(session.scalars(select(AuditEntry))))
    scene.watch().look(NOW)
    with scene.database.reading() as session:
        assert len(list(session.scalars(select(AuditEntry)))) == before


def test_every_kind_says_what_it_measures() -> None:
    for kind in KINDS.values():
        found = Measured(1.0, lambda: "It is so.")
        message = write_alert(kind, found, "one.example", kind.usual)
        assert message.title.startswith("one.example: ")
        assert kind.unit in message.text
        assert ("below" in message.text) is kind.below
