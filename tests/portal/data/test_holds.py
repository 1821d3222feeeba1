"""A legal hold: while it is in force nothing of a site goes, whoever asks."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.commands import add_site, remove_site, site_named
from portal.data.holds import HeldError, hold_of, lift_hold, refuse_held, set_hold
from portal.data.requests import Chosen, ask_erasure
from portal.database import Database
from portal.models import AuditEntry, ErasureRequest, Role, Site, Team
from portal.sites.fields import FieldError
from portal.sites.retention import outdated
from portal.sites.switches import change_site
from portal.teams.members import end_due_teams, end_team, has_due_teams
from tests.portal.conftest import NOW, Portal

LAST = date(2026, 12, 24)
HELD = "Nothing of this site may be erased up to 2026-12-24"
DATA = "/sites/own.example/data"


def hold(portal: Portal, host: str = "own.example", last: date = LAST) -> int:
    with portal.database.writing() as session:
        return set_hold(session, site_named(session, host), last, "A claim", NOW).id


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("UTC", datetime(2026, 12, 24, 23, 59, tzinfo=UTC), datetime(2026, 12, 25, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 12, 24, 14, tzinfo=UTC),
         datetime(2026, 12, 24, 15, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_hold_ends_with_its_last_day_at_the_site(
    database: Database, zone: str, before: datetime, after: datetime
) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1", timezone=zone)
        set_hold(session, site, LAST, "A claim", NOW)
        with pytest.raises(HeldError, match=r"2026-12-24.*A claim"):
            refuse_held(session, site.id, before)
        refuse_held(session, site.id, after)


def test_a_hold_that_is_lifted_holds_nothing_and_another_goes_on(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        first = set_hold(session, site, LAST, "One", NOW)
        second = set_hold(session, site, date(2026, 11, 20), "Two", NOW)
        lift_hold(session, site.id, first.id, NOW)
        with pytest.raises(HeldError, match="Two"):
            refuse_held(session, site.id, NOW)
        with pytest.raises(FieldError, match="no such hold"):
            lift_hold(session, site.id, first.id, NOW)
        with pytest.raises(FieldError, match="no such hold"):
            lift_hold(session, site.id + 1, second.id, NOW)
        lift_hold(session, site.id, second.id, NOW)
        refuse_held(session, site.id, NOW)


@pytest.mark.parametrize(
    ("last", "reason", "words"),
    [
        (date(2026, 11, 9), "why", "from today"),
        (date(2037, 11, 9), "why", "10 years"),
        (LAST, "  ", "Say why"),
        (LAST, "x" * 301, "At most 300"),
    ],
)
def test_a_hold_has_an_end_and_a_reason(
    database: Database, last: date, reason: str, words: str
) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        with pytest.raises(FieldError, match=words):
            set_hold(session, site, last, reason, NOW)


def test_the_retention_period_waits_and_catches_up(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        change_site(session, site, {"retention_days": "30"})
        set_hold(session, site, LAST, "A claim", NOW)
        assert outdated(session, NOW) == []
        (found,) = outdated(session, datetime(2026, 12, 25, tzinfo=UTC))
        assert found.before == datetime(2026, 11, 26, tzinfo=UTC)


def test_a_team_does_not_end_while_a_site_of_it_is_held(database: Database) -> None:
    with database.writing() as session:
        team = Team(name="Held", created_at=NOW)
        session.add(team)
        session.flush()
        site = add_site(session, "a.example", "http://a:1", team="Held")
        end_team(session, team, "Held", NOW)
        number = set_hold(session, site, LAST, "A claim", NOW).id
        with pytest.raises(HeldError):
            end_team(session, team, "Held", NOW)
        later = NOW + timedelta(days=8)
        assert not has_due_teams(session, later)
        assert end_due_teams(session, later) == []
        lift_hold(session, site.id, number, later)
        assert has_due_teams(session, later)
        assert end_due_teams(session, later) == ["Held"]
        assert session.scalars(select(Site)).all() == []


def test_neither_site_nor_rows_go(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        set_hold(session, site, LAST, "A claim", NOW)
        for refused in (
            lambda: remove_site(session, site, NOW),
            lambda: ask_erasure(session, site, Chosen(path="/"), NOW),
        ):
            with pytest.raises(HeldError):
                refused()
        assert session.scalars(select(ErasureRequest)).all() == []
        assert session.scalars(select(Site)).one() is site


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_api_says_409(portal: Portal, version: str) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    token = portal.token("a@b.c", "own.example", ("sites:admin",))
    hold(portal)
    answer = person.client.delete(
        f"/api/{version}/sites/own.example", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 409
    assert HELD in answer.text


def test_the_pages_set_show_and_lift_it_and_refuse(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    typed = {"until": "2026-12-24", "reason": "A claim of <somebody>"}
    assert person.post(f"{DATA}/hold", typed, form_at=DATA).status_code == 302
    page = person.get(DATA).text
    assert "in force" in page
    assert "A claim of &lt;somebody&gt;" in page
    assert "Set by a@b.c" in page
    assert "A legal hold is in force" in person.get("/sites/own.example/settings").text
    refused = person.post(f"{DATA}/erase", {"path": "/x", "confirm": "own.example"}, form_at=DATA)
    assert refused.status_code == 422
    assert HELD in refused.text
    person.post("/sites/own.example/delete", {"name": "own.example"}, form_at=DATA)
    assert HELD in person.get("/sites/own.example/settings").text
    with portal.database.reading() as session:
        number = hold_of(session, 1, NOW).id  # type: ignore[union-attr] # else the test fails here
    assert person.post(f"{DATA}/hold/{number}/lift", {}, form_at=DATA).status_code == 302
    assert "lifted by a@b.c" in person.get(DATA).text
    with portal.database.reading() as session:
        acts = session.scalars(
            select(AuditEntry.act).where(AuditEntry.kind == "legal_holds").order_by(AuditEntry.id)
        ).all()
    assert acts == ["added", "changed"]


@pytest.mark.parametrize(
    "typed", [{"until": "soon", "reason": "x"}, {"until": "2026-12-24", "reason": ""}]
)
def test_what_is_wrong_stands_beside_its_field(portal: Portal, typed: dict[str, str]) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    refused = person.post(f"{DATA}/hold", typed, form_at=DATA)
    assert refused.status_code == 422
    assert 'class="field-error"' in refused.text
