"""The pages of changes: whose they are, filters, and files."""

import csv
import io

import pytest

from portal.audit.reading import Filter
from portal.commands import site_named
from portal.models import Role
from tests.portal.conftest import Portal

PAGE = "/sites/own.example/changes"


@pytest.fixture
def two_sites(portal: Portal) -> Portal:
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    with portal.database.writing() as session:
        site_named(session, "own.example").mode = "shadow"
        site_named(session, "foreign.example").currency = "CHF"
    return portal


def test_a_site_shows_its_own_changes_only(two_sites: Portal) -> None:
    person = two_sites.user("a@b.c", Role.ADMIN)
    text = person.get(PAGE).text
    assert "<code>shadow</code>" in text
    assert "foreign.example" not in text
    assert "CHF" not in text
    rows = person.get(f"{PAGE}.json").json
    assert rows is not None
    assert {row["subject"] for row in rows} == {"own.example"}
    assert rows[0]["before"] == {"mode": "on"}


def test_the_installations_changes_are_for_administrators(two_sites: Portal) -> None:
    owner = two_sites.user("a@b.c", Role.OWNER)
    admin = two_sites.user("root@b.c", admin=True)
    for path in ("/admin/changes", "/admin/changes.csv", "/admin/changes.json"):
        assert two_sites.somebody().get(path).headers["Location"].startswith("/login")
        assert owner.get(path).status_code == 403
        answer = admin.get(path)
        assert answer.status_code == 200
        assert "foreign.example" in answer.text
        assert "$argon2id$" not in answer.text
        assert "•••" in answer.text or "\\u2022" in answer.text


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("act=changed", True),
        ("act=removed", False),
        ("kind=sites&via=command", True),
        ("via=portal", False),
        ("who=nobody", False),
        ("first=2026-11-10&last=2026-11-10", True),
        ("last=2026-11-09", False),
        ("first=2026-11-11", False),
        ("first=soon&last=9999-12-31", True),
    ],
)
def test_filters_narrow_page_and_files_alike(two_sites: Portal, query: str, seen: bool) -> None:
    person = two_sites.user("a@b.c", Role.OWNER)
    for path in (PAGE, f"{PAGE}.csv", f"{PAGE}.json"):
        assert ("shadow" in person.get(f"{path}?{query}").text) is seen or path == PAGE, path
    assert ("<code>shadow</code>" in person.get(f"{PAGE}?{query}").text) is seen


def test_a_wildcard_in_a_name_stands_for_itself(two_sites: Portal) -> None:
    person = two_sites.user("a@b.c", Role.OWNER)
    person.post("/sites/own.example/sharing/public", {"public": "on"}, form_at="/sites/new")
    assert person.get(f"{PAGE}.json?who=a@b").json != []
    assert person.get(f"{PAGE}.json?who=%25").json == []


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(two_sites: Portal) -> None:
    person = two_sites.user("a@b.c", Role.OWNER)
    person.post("/sites/own.example/sharing", {"name": "=1+1"}, form_at="/sites/new")
    answer = person.get(f"{PAGE}.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0]["subject"] == "'=1+1"
    assert rows[0]["who"] == "a@b.c"


def test_pages_hold_a_hundred(two_sites: Portal) -> None:
    with two_sites.database.writing() as session:
        for number in range(101):
            site_named(session, "own.example").canary_percent = number
            session.flush()
    person = two_sites.user("a@b.c", Role.OWNER)
    first, second = (person.get(f"{PAGE}?page={number}").text for number in (0, 1))
    assert first.count("<time") == 100
    assert "Older" in first
    assert "Newer" in second
    assert "Older" not in second


def test_an_empty_filter_has_no_conditions() -> None:
    assert Filter().clauses() == []
    assert Filter().args() == {}
