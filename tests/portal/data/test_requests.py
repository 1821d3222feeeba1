"""What was asked to be erased: kept in full only until it is done, and beyond the site's end."""

import json

import pytest
from sqlalchemy import select

from portal.commands import add_site, remove_site
from portal.data.requests import (
    Chosen,
    ask_erasure,
    due_requests,
    note_done,
    note_sent,
    open_requests,
    requests_of_all,
)
from portal.database import Database
from portal.models import AuditEntry, ErasureRequest
from tests.portal.conftest import NOW

CHOSEN = Chosen(after_ms=1, before_ms=2, path="/a/*", prop="plan", value="gold", visitor=2**64 - 1)


def test_what_was_chosen_is_read_as_it_was_written() -> None:
    for chosen in (CHOSEN, Chosen(), Chosen(prop="plan"), Chosen(visitor=0)):
        assert Chosen.read(json.loads(json.dumps(chosen.full()))) == chosen


def test_neither_a_value_nor_a_visitor_is_told() -> None:
    told = CHOSEN.told()
    assert (told["value"], told["visitor"]) == ("not kept", "not kept")
    assert {told[name] for name in ("path", "prop")} == {"/a/*", "plan"}


def test_it_is_due_at_once_and_forgets_when_it_is_done(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        key = ask_erasure(session, site, CHOSEN, NOW, reason="They  asked").key
    with database.writing() as session:
        (due,) = due_requests(session, NOW)
        assert (due.key, due.reason, Chosen.read(due.chosen_secret or {})) == (
            key, "They asked", CHOSEN,
        )  # fmt: skip
        assert open_requests(session) == []
        note_sent(session, key, NOW)
        assert due_requests(session, NOW) == []
        (waiting,) = open_requests(session)
        assert waiting.key == key
        note_done(session, key, NOW, "{}", "signed")
    with database.reading() as session:
        row = session.get_one(ErasureRequest, key)
        assert (row.chosen_secret, row.statement, row.signature) == (None, "{}", "signed")
        assert open_requests(session) == []
        record = session.scalars(
            select(AuditEntry).where(AuditEntry.kind == "erasure_requests")
        ).all()
        assert [entry.act for entry in record] == ["added"]
        assert "gold" not in json.dumps(record[0].after)
        assert str(2**64 - 1) not in json.dumps(record[0].after)


def test_a_deleted_site_is_due_once_no_edge_takes_more(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        site_id, team_id = site.id, site.team_id
        key = remove_site(session, site, NOW)
        assert due_requests(session, NOW) == []
        (due,) = due_requests(session, NOW.replace(minute=59))
        assert (due.key, due.site_id, due.host, due.chosen) == (key, site_id, "a.example", {})
        assert [row.key for row in of_team(session, team_id)] == [key]
        assert of_team(session, team_id + 1) == []


def of_team(session: object, team_id: int) -> list[ErasureRequest]:
    return requests_of_all(session, set(), {team_id}, whole=False, most=9)  # type: ignore[arg-type]


@pytest.mark.parametrize("whole", [True, False])
def test_a_site_that_is_there_is_its_present_teams(database: Database, *, whole: bool) -> None:
    with database.writing() as session:
        site = add_site(session, "a.example", "http://a:1")
        ask_erasure(session, site, CHOSEN, NOW)
        found = requests_of_all(session, set(), {site.team_id}, whole=whole, most=9)
        assert len(found) == whole
        assert len(requests_of_all(session, {site.id}, set(), whole=False, most=9)) == 1
