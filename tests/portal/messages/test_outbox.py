"""The outbox: one claim a row, tries after pauses, one sender, and what a crash leaves."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.database import Database
from portal.messages.outbox import (
    KEPT,
    LEASE_FOR,
    LONGEST_SENDING,
    RETRY_AFTER_S,
    Outcome,
    State,
    claim,
    due_now,
    end_claim,
    hold_lease,
    let_go,
    put,
    tidy,
)
from portal.messages.recipients import Kind
from portal.models import AuditEntry, Delivery, Recipient
from tests.portal.conftest import NOW
from tests.portal.messages.conftest import a_message


def the_row(database: Database) -> Delivery:
    with database.reading() as session:
        found = session.scalars(select(Delivery)).one()
        session.expunge(found)
        return found


@pytest.fixture
def row_id(database: Database, recipient: Callable[..., Recipient]) -> int:
    to = recipient(Kind.EMAIL, "a@b.example")
    with database.writing() as session:
        (number,) = put(session, "weekly-1", a_message(), [to], NOW)
    return number


def test_a_message_is_put_once_for_each_recipient(
    database: Database, row_id: int, recipient: Callable[..., Recipient]
) -> None:
    other = recipient(Kind.EMAIL, "c@d.example")
    with database.writing() as session:
        both = list(session.scalars(select(Recipient)))
        (new,) = put(session, "weekly-1", a_message(), both, NOW)
    with database.reading() as session:
        assert session.get_one(Delivery, new).recipient_id == other.id
        assert due_now(session, NOW, 9) == [row_id, new]


def test_of_many_claims_at_once_one_succeeds(database: Database, row_id: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: claim(database, row_id, NOW), range(8)))
    assert taken.count(True) == 1
    assert the_row(database).attempts == 1


def test_what_was_sent_is_never_claimed_again(database: Database, row_id: int) -> None:
    assert claim(database, row_id, NOW)
    assert end_claim(database, row_id, Outcome(State.SENT, "200"), NOW) is State.SENT
    assert not claim(database, row_id, NOW + timedelta(days=1))
    with database.reading() as session:
        assert due_now(session, NOW + timedelta(days=1), 9) == []


def test_a_refusal_is_tried_again_after_growing_pauses_and_then_fails(
    database: Database, row_id: int
) -> None:
    now = NOW
    for pause_s in RETRY_AFTER_S:
        assert claim(database, row_id, now)
        assert end_claim(database, row_id, Outcome(State.WAITING, "503"), now) is State.WAITING
        with database.reading() as session:
            assert due_now(session, now + timedelta(seconds=pause_s - 1), 9) == []
            now += timedelta(seconds=pause_s)
            assert due_now(session, now, 9) == [row_id]
    assert claim(database, row_id, now)
    assert end_claim(database, row_id, Outcome(State.WAITING, "503"), now) is State.FAILED
    assert the_row(database).said == "503"


def test_the_other_side_may_ask_for_a_longer_pause(database: Database, row_id: int) -> None:
    assert claim(database, row_id, NOW)
    end_claim(database, row_id, Outcome(State.WAITING, "429", 900), NOW)
    assert the_row(database).due_at == NOW + timedelta(seconds=900)


def test_what_a_crash_left_claimed_is_named_and_not_sent_again(
    database: Database, row_id: int
) -> None:
    assert claim(database, row_id, NOW)
    tidy(database, NOW + LONGEST_SENDING - timedelta(seconds=1))
    assert the_row(database).state == State.CLAIMED
    later = NOW + LONGEST_SENDING
    tidy(database, later)
    row = the_row(database)
    assert (row.state, row.ended_at) == (State.UNKNOWN, later)
    assert "not sent again" in row.said
    assert not claim(database, row_id, later)


def test_rows_are_forgotten_after_their_time(database: Database, row_id: int) -> None:
    tidy(database, NOW + KEPT - timedelta(seconds=1))
    assert the_row(database).id == row_id
    tidy(database, NOW + KEPT)
    with database.reading() as session:
        assert session.scalar(select(Delivery)) is None


def test_one_process_sends_and_the_next_takes_over(database: Database) -> None:
    assert hold_lease(database, "one", NOW)
    assert not hold_lease(database, "two", NOW)
    assert hold_lease(database, "one", NOW + LEASE_FOR / 2)
    assert not hold_lease(database, "two", NOW + LEASE_FOR)
    assert hold_lease(database, "two", NOW + LEASE_FOR * 3 / 2)
    assert not hold_lease(database, "one", NOW + LEASE_FOR * 3 / 2)
    let_go(database, "one")
    assert not hold_lease(database, "one", NOW + LEASE_FOR * 3 / 2)
    let_go(database, "two")
    assert hold_lease(database, "one", NOW + LEASE_FOR * 3 / 2)


def test_of_many_that_want_the_lease_one_gets_it(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda n: hold_lease(database, str(n), NOW), range(8)))
    assert held.count(True) == 1


def test_sending_is_no_change_that_somebody_made(database: Database, row_id: int) -> None:
    def kinds() -> list[str]:
        with database.reading() as session:
            return list(session.scalars(select(AuditEntry.kind)))

    before = kinds()
    hold_lease(database, "one", NOW)
    claim(database, row_id, NOW)
    end_claim(database, row_id, Outcome(State.SENT), NOW)
    tidy(database, NOW + KEPT)
    assert kinds() == before
    assert "deliveries" not in before
