"""The page of imports: who may, what is taken in, what goes again."""

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from portal.imports.tickets import Tickets
from portal.imports.uploads import State
from portal.models import AuditEntry, Role, Upload
from store.client import Store
from store.imports import Import, Kind, list_imports, note_import
from tests.portal.conftest import Person, Portal

PAGE = "/sites/own.example/settings/imports"
BIG = 400 * 1024
"""More than a form may be."""


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, tmp_path: Path) -> Portal:
    portal = make_portal(store, uploads=tmp_path / "uploads", upload_bytes=1 << 20)
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    return portal


@pytest.fixture
def editor(shop: Portal) -> Person:
    return shop.user("editor@b.c", Role.EDITOR)


def action_of(person: Person) -> str:
    found = re.search(rf'action="({PAGE}\?ticket=[^"]+)"', person.get(PAGE).text)
    assert found is not None
    return found.group(1)


def send(person: Person, name: str, content: bytes, form: str = "umami", to: str = "") -> Any:
    data: dict[str, Any] = {"form": form}
    if name:
        data["file"] = (BytesIO(content), name)
    return person.post(to or action_of(person), data, form_at=PAGE)


def rows(portal: Portal) -> list[Upload]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(Upload).order_by(Upload.id)))
        session.expunge_all()
        return found


def test_a_file_is_kept_under_a_harmless_name_and_waits_to_be_checked(
    shop: Portal, editor: Person, tmp_path: Path
) -> None:
    content = b"x" * BIG
    assert send(editor, "../../étrange <1>.csv", content).status_code == 302
    (row,) = rows(shop)
    assert (row.state, row.who, row.form) == (State.UPLOADED, "editor@b.c", "umami")
    assert (row.name, row.size_bytes) == ("étrange _1_.csv", BIG)
    assert (tmp_path / "uploads" / row.place / row.name).read_bytes() == content
    page = editor.get(PAGE).text
    assert "waits to be checked" in page
    assert "étrange _1_.csv" in page


@pytest.mark.parametrize(
    ("name", "form", "words"),
    [("", "umami", "Choose a file"), ("a.csv", "excel", "Choose what the file was exported from")],
)
def test_what_is_missing_is_said(
    shop: Portal, editor: Person, name: str, form: str, words: str
) -> None:
    answer = send(editor, name, b"x", form)
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(shop) == []


def test_a_large_body_needs_a_ticket_and_even_so_has_a_limit(shop: Portal, editor: Person) -> None:
    assert send(editor, "a.csv", b"x" * BIG, to=PAGE).status_code == 413
    sent = editor.client.post(
        action_of(editor), content_length=3 << 20, content_type="multipart/form-data; boundary=x"
    )
    assert sent.status_code == 413
    assert rows(shop) == []


def test_tickets_are_ours_and_end() -> None:
    tickets, others = Tickets("key"), Tickets("another key")
    assert tickets.is_good(tickets.make(7))
    assert not tickets.is_good(others.make(7))
    assert not tickets.is_good("")


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (None, 404)])
def test_only_who_may_edit_the_site_sees_and_sends(
    shop: Portal, editor: Person, role: Role | None, status: int
) -> None:
    send(editor, "a.csv", b"x")
    number = rows(shop)[0].id
    team = "Default" if role else "Others"
    other = shop.user("other@b.c", role or Role.OWNER, team)
    assert other.get(PAGE).status_code == status
    for path in ("", f"/files/{number}", f"/files/{number}/remove", "/0123/remove"):
        sent = {"form": "umami", "typed": "own.example"}
        assert other.post(PAGE + path, sent, form_at="/account").status_code == status
    assert len(rows(shop)) == 1


def test_a_file_of_another_site_is_not_there(shop: Portal, editor: Person) -> None:
    send(editor, "a.csv", b"x")
    number = rows(shop)[0].id
    owner = shop.user("other@b.c", Role.OWNER, "Others")
    page = "/sites/foreign.example/settings/imports"
    for path in (f"/files/{number}", f"/files/{number}/remove"):
        assert owner.post(page + path, {}, form_at=page).status_code == 404


def test_a_checked_file_is_imported_when_asked_for_and_the_asking_is_recorded(
    shop: Portal, editor: Person
) -> None:
    send(editor, "a.csv", b"x")
    number = rows(shop)[0].id
    editor.post(f"{PAGE}/files/{number}", {}, form_at=PAGE)
    assert rows(shop)[0].state == State.UPLOADED
    with shop.database.writing() as session:
        row = session.get_one(Upload, number)
        row.state = State.CHECKED
        row.report = {"events": 12_345, "first": "2026-01-01T00:00:00", "last": "2026-01-02",
                      "skipped": {"engagement before its page": 7}}  # fmt: skip
    page = editor.get(PAGE).text
    assert "12,345 rows" in page
    assert "engagement before its page" in page
    editor.post(f"{PAGE}/files/{number}", {}, form_at=PAGE)
    assert rows(shop)[0].state == State.WANTED
    with shop.database.reading() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.kind == "imports")).one()
        assert (found.act, found.subject, found.who) == ("added", "a.csv", "editor@b.c")


def test_a_file_is_thrown_away_with_its_folder(
    shop: Portal, editor: Person, tmp_path: Path
) -> None:
    send(editor, "a.csv", b"x")
    number = rows(shop)[0].id
    editor.post(f"{PAGE}/files/{number}/remove", {}, form_at=PAGE)
    assert rows(shop) == []
    assert list((tmp_path / "uploads").iterdir()) == []


def test_an_import_is_removed_once_the_sites_name_is_typed(
    shop: Portal, store: Store, editor: Person
) -> None:
    with shop.database.reading() as session:
        site_id = int(session.execute(select(Upload.metadata.tables["sites"].c.id)).first()[0])  # type: ignore[index]
    day, now = date(2026, 1, 1), datetime.now(UTC)
    made = Import(
        site_id, time.time_ns(), Kind.TOTALS, "plausible", "past.zip", day, day, 3, now, True
    )
    for act in ("begun", "added"):
        note_import(store, act, made, "digest")
    assert "past.zip" in editor.get(PAGE).text
    wrong = editor.post(f"{PAGE}/{made.name}/remove", {"typed": "other.example"}, form_at=PAGE)
    assert wrong.status_code == 422
    assert "Type own.example" in wrong.text
    right = {"typed": "own.example"}
    assert editor.post(f"{PAGE}/{made.name}/remove", right, form_at=PAGE).status_code == 302
    assert made.name not in {found.name for found in list_imports(store, site_id)}
    assert editor.post(f"{PAGE}/{made.name}/remove", right, form_at=PAGE).status_code == 404
    with shop.database.reading() as session:
        found = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert found is not None
        assert (found.act, found.kind, found.subject) == (
            "removed", "imports", f"past.zip ({made.name})")  # fmt: skip


def test_without_a_store_or_a_folder_the_page_says_so(
    portal: Portal, make_portal: Callable[..., Portal]
) -> None:
    portal.site("own.example")
    page = portal.user("a@b.c", Role.EDITOR).get(PAGE).text
    assert "The store of numbers does not answer" in page
    assert "statflow import own.example FILE" in page
    assert 'type="file"' not in page
