"""Taking a picture: asked for, seen, kept by one person; then seen by all who see the site."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.models import AuditEntry, PagePicture, Role
from portal.pictures.known import forget_outdated
from tests.portal.conftest import Person, Portal
from tests.support.pictures import HTML, MemoryPictures

HERE = "/sites/own.example/behaviour/pictures"
MAP = "/sites/own.example/behaviour/map?page=/a"
TYPED = {"page": "/a", "address": "https://own.example/a?b=1#c"}


@pytest.fixture
def pictures() -> MemoryPictures:
    return MemoryPictures()


@pytest.fixture
def portal(make_portal: Callable[..., Portal], pictures: MemoryPictures) -> Portal:
    portal = make_portal(pictures=pictures.ways())
    portal.site("own.example")
    return portal


@pytest.fixture
def editor(portal: Portal) -> Person:
    return portal.user("editor@b.c", Role.EDITOR)


def ask(person: Person, **changes: str) -> str:
    """Ask for a picture; gives its page."""
    answer = person.post(HERE, TYPED | changes, form_at=HERE)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def taken(person: Person, pictures: MemoryPictures, **found: object) -> str:
    place = ask(person)
    person.get(place)
    pictures.take(**found)  # type: ignore[arg-type]
    return place


def keep(person: Person, place: str, **data: object) -> TestResponse:
    return person.post(f"{place}/keep", data, form_at=place)


def rows(portal: Portal) -> list[PagePicture]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(PagePicture)))
        session.expunge_all()
        return found


def test_it_is_seen_before_it_is_kept(
    portal: Portal, editor: Person, pictures: MemoryPictures
) -> None:
    place = ask(editor)
    page = editor.get(place).text
    site_id, address, nonce, hides = pictures.asked[-1]
    assert (address, hides) == ("https://own.example/a?b=1", False)
    assert f'href="https://own.example/a?b=1?sf_picture={nonce}"' in page
    assert editor.get(f"{place}/arrived").headers.get("HX-Refresh") is None
    assert editor.get(f"{place}/page").status_code == 404
    pictures.take()
    assert editor.get(f"{place}/arrived").headers["HX-Refresh"] == "true"
    assert "This is what would be kept" in editor.get(place).text
    assert editor.get(f"{place}/page").text == HTML
    assert rows(portal)[0].markup is None

    assert keep(editor, place).headers["Location"].endswith("/behaviour/map?page=/a")
    [row] = rows(portal)
    assert (row.page, row.path, row.asked_by) == ("/a", "/a", "editor@b.c")
    assert pictures.waiting == {}
    viewer = portal.user("viewer@b.c", Role.VIEWER)
    assert viewer.get(f"{place}/page").text == HTML
    assert (site_id, nonce) == (row.site_id, row.nonce)


def test_nobody_else_sees_one_that_is_not_kept(
    portal: Portal, editor: Person, pictures: MemoryPictures
) -> None:
    place = taken(editor, pictures)
    other = portal.user("other@b.c", Role.OWNER)
    for path in (place, f"{place}/page", f"{place}/arrived"):
        assert other.get(path).status_code == 404
    assert keep(other, place).status_code in {400, 404}
    assert rows(portal)[0].taken_at is None


def test_a_picture_runs_nothing_and_asks_the_site_alone(
    editor: Person, pictures: MemoryPictures
) -> None:
    place = taken(editor, pictures, hosts=("cdn.example", "evil.example"))
    assert "cdn.example" not in editor.get(f"{place}/page").headers["Content-Security-Policy"]
    keep(editor, place, hosts=["cdn.example", "not-of-the-page.example"])
    answer = editor.get(f"{place}/page")
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["sandbox"] == "allow-same-origin"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["form-action"] == "'none'"
    for name in ("img-src", "style-src", "font-src", "base-uri"):
        hosts = {re.sub(r"^https?://", "", source) for source in policy[name].split()}
        assert hosts - {"data:", "'unsafe-inline'"} == {"own.example", "cdn.example"}
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Frame-Options" not in answer.headers
    assert answer.content_type == "text/html; charset=utf-8"


def test_a_later_picture_takes_the_place_of_the_earlier(
    portal: Portal, editor: Person, pictures: MemoryPictures
) -> None:
    keep(editor, taken(editor, pictures))
    keep(editor, taken(editor, pictures, html="<p>Newer"))
    assert len(rows(portal)) == 1
    listed = editor.get(HERE).text
    assert listed.count("Delete the picture of /a") == 1
    place = re.search(rf'href="({HERE}/\d+)"', listed)
    assert place is not None
    assert editor.get(f"{place[1]}/page").text == "<p>Newer"


def test_it_can_be_deleted_and_is_in_the_record(
    portal: Portal, editor: Person, pictures: MemoryPictures
) -> None:
    place = taken(editor, pictures)
    keep(editor, place)
    assert editor.post(f"{place}/delete", {}, form_at=place).status_code == 302
    assert rows(portal) == []
    assert editor.get(f"{place}/page").status_code == 404
    with portal.database.reading() as session:
        found = list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
        acts = [(e.act, e.who) for e in found if e.kind == "page_pictures"]
        said = str([(e.before, e.after) for e in found])
    assert acts == [(act, "editor@b.c") for act in ("added", "changed", "removed")]
    assert "Hello" not in said
    assert " bytes" in said


def test_discarding_one_lets_the_edges_copy_go(editor: Person, pictures: MemoryPictures) -> None:
    place = taken(editor, pictures)
    editor.post(f"{place}/delete", {}, form_at=place)
    assert pictures.waiting == {}


def test_it_goes_by_itself(portal: Portal, editor: Person, pictures: MemoryPictures) -> None:
    place = taken(editor, pictures)
    keep(editor, place)
    waiting = ask(editor)
    portal.later(minutes=16)
    assert editor.get(waiting).status_code == 404
    portal.later(days=89)
    editor.sign_in("editor@b.c")
    assert editor.get(f"{place}/page").status_code == 200
    portal.later(days=1)
    assert editor.get(f"{place}/page").status_code == 404
    with portal.database.writing() as session:
        forget_outdated(session, portal.clock[0])
    assert rows(portal) == []


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"address": "https://other.example/a"}, "An address of own.example"),
        ({"address": "javascript:alert(1)"}, "An address of own.example"),
        ({"address": "https://own.example@evil.example/"}, "An address of own.example"),
        ({"address": "https://user:pass@own.example/"}, "An address of own.example"),
        ({"address": "https://["}, "An address of own.example"),
        ({"page": "  "}, "Name the page"),
    ],
)
def test_only_pages_of_the_site_are_asked_for(
    portal: Portal, editor: Person, typed: dict[str, str], wrong: str
) -> None:
    answer = editor.post(HERE, TYPED | typed, form_at=HERE)
    assert answer.status_code == 422
    assert wrong in answer.text
    assert rows(portal) == []


def test_edges_that_cannot_be_asked_are_no_error(
    portal: Portal, editor: Person, pictures: MemoryPictures
) -> None:
    place = taken(editor, pictures)
    pictures.is_away = True
    assert "Open the page" in editor.get(place).text
    assert keep(editor, place).status_code == 302
    assert rows(portal)[0].taken_at is None
    editor.post(f"{place}/delete", {}, form_at=place)
    assert rows(portal) == []


def test_a_viewer_takes_none(portal: Portal) -> None:
    viewer = portal.user("viewer@b.c", Role.VIEWER)
    assert viewer.get(HERE).status_code == 403
    assert "Take a picture" not in viewer.get(MAP).text


def test_without_edges_there_are_none(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal()
    portal.site("own.example")
    editor = portal.user("editor@b.c", Role.EDITOR)
    assert "Take the picture" not in editor.get(HERE).text
    assert editor.post(HERE, TYPED, form_at="/sites/new").status_code == 404
