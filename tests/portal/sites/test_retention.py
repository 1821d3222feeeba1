"""For how long numbers are kept: what is due, by the site's own days."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.commands import add_site
from portal.database import Database
from portal.models import AuditEntry, Role
from portal.sites.retention import (
    end_round,
    forget_changes,
    is_round_due,
    oldest_kept,
    outdated,
)
from portal.sites.switches import change_site
from tests.portal.conftest import NOW, Portal


@pytest.mark.parametrize(
    ("zone", "days", "expected"),
    [
        ("UTC", 1, "2026-11-10T00:00:00+00:00"),
        ("UTC", 30, "2026-10-12T00:00:00+00:00"),
        ("Europe/Paris", 30, "2026-10-12T00:00:00+02:00"),
        ("Pacific/Auckland", 1, "2026-11-11T00:00:00+13:00"),
    ],
)
def test_the_oldest_day_begins_at_the_sites_own_midnight(
    zone: str, days: int, expected: str
) -> None:
    assert oldest_kept(NOW, zone, days).isoformat() == expected


def test_only_sites_that_keep_for_a_time_are_due(database: Database) -> None:
    with database.writing() as session:
        add_site(session, "kept.example", "http://a:1")
        site = add_site(session, "month.example", "http://a:1")
        change_site(session, site, {"retention_days": "30"})
        (found,) = outdated(session, NOW)
    assert (found.site_id, found.before) == (site.id, datetime(2026, 10, 12, tzinfo=UTC))


def test_a_round_is_once_a_day_and_no_change(database: Database) -> None:
    with database.writing() as session:
        before = session.scalars(select(AuditEntry.id)).all()
        assert is_round_due(session, NOW)
        end_round(session, NOW)
        assert not is_round_due(session, NOW + timedelta(hours=8))
        assert is_round_due(session, NOW + timedelta(days=1))
        end_round(session, NOW + timedelta(days=1))
        assert session.scalars(select(AuditEntry.id)).all() == before


@pytest.mark.parametrize(("days", "left"), [(0, 3), (10, 2), (1, 1)])
def test_old_entries_of_the_record_go(database: Database, days: int, left: int) -> None:
    with database.writing() as session:
        for age in (0, 5, 400):
            session.add(
                AuditEntry(
                    at=NOW - timedelta(days=age), who="", via="command", act="added",
                    kind="sites", subject=str(age), site_id=None, before=None, after=None,
                )
            )  # fmt: skip
    with database.writing() as session:
        forget_changes(session, NOW, days)
        rows = session.scalars(select(AuditEntry.subject).where(AuditEntry.kind == "sites")).all()
        assert len(rows) == left


def test_the_settings_page_takes_days(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    fields = {"upstreams": "http://a:1", "timezone": "UTC", "retention_days": "90"}
    assert person.post("/sites/own.example/settings", fields).status_code == 302
    assert 'value="90"' in person.get("/sites/own.example/settings").text
    refused = person.post("/sites/own.example/settings", fields | {"retention_days": "soon"})
    assert refused.status_code == 422
    assert "type a whole number from 0 to 36500" in refused.text
