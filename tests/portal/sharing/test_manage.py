"""The page on which a site is shared."""

import re

import pytest

from portal.models import Role, ShareLink, Site, SiteSegment
from portal.sharing.links import read_origins
from portal.sites.fields import FieldError
from tests.portal.conftest import NOW, Portal

PAGE = "/sites/own.example/sharing"


def the_link(portal: Portal) -> ShareLink | None:
    with portal.database.reading() as session:
        found = session.query(ShareLink).one_or_none()
        if found is not None:
            session.expunge(found)
        return found


def test_a_link_is_made_changed_and_revoked(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    typed = {
        "name": "Press",
        "sections": ["sources", "pages"],
        "expires_on": "2026-12-01",
        "password": "open sesame",
    }
    assert person.post(PAGE, typed).status_code == 302
    link = the_link(portal)
    assert link is not None
    assert link.sections == ["sources", "pages"]
    assert len(link.slug) >= 22
    assert link.password_hash.startswith("$argon2id$")
    assert f"/share/{link.slug}" in person.get(PAGE).text
    at = f"{PAGE}/{link.id}"
    shown = person.get(at).text
    assert 'value="2026-12-01"' in shown
    assert "open sesame" not in shown
    assert link.password_hash not in shown
    assert person.post(at, {"name": "News", "expires_on": ""}).status_code == 302
    changed = the_link(portal)
    assert changed is not None
    assert (changed.name, changed.slug) == ("News", link.slug)
    assert changed.password_hash == link.password_hash
    assert changed.expires_at is None
    assert person.post(at, {"name": "News", "no_password": "y"}).status_code == 302
    opened = the_link(portal)
    assert opened is not None
    assert opened.password_hash == ""
    assert opened.sections == []
    assert person.post(f"{at}/end", {}, form_at=at).status_code == 302
    assert the_link(portal) is None
    assert portal.somebody().get(f"/share/{link.slug}").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("password", "short"),
        ("expires_on", "soon"),
        ("segment_id", "99"),
        ("segment_id", "x"),
        ("embed_origins", "https://a.example; script-src *"),
    ],
)
def test_a_wrong_field_is_said_beside_it(portal: Portal, field: str, value: str) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    answer = person.post(PAGE, {"name": "Press", field: value})
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error-1"', answer.text)
    assert the_link(portal) is None


def test_a_password_and_a_frame_exclude_each_other(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    typed = {"name": "P", "password": "open sesame", "embed_origins": "https://a.example"}
    assert "browsers keep its cookie out" in person.post(PAGE, typed).text


def test_only_a_segment_of_the_whole_site_can_be_locked(portal: Portal) -> None:
    site_id = portal.site("own.example")
    other_id = portal.site("other.example")
    person = portal.user("a@b.c", Role.OWNER)
    rows = [(1, site_id, None), (2, site_id, 1), (3, other_id, None)]
    with portal.database.writing() as session:
        for number, site, user in rows:
            row = SiteSegment(id=number, site_id=site, user_id=user, name=f"s{number}", filters=[])
            row.created_at = NOW
            session.add(row)
    for number, status in ((2, 422), (3, 422), (1, 302)):
        answer = person.post(PAGE, {"name": "P", "segment_id": str(number)})
        assert answer.status_code == status


def test_a_link_of_another_site_is_not_there(portal: Portal) -> None:
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    owner = portal.user("o@b.c", Role.OWNER, "Others")
    owner.post("/sites/foreign.example/sharing", {"name": "Theirs"})
    person = portal.user("a@b.c", Role.OWNER)
    link = the_link(portal)
    assert link is not None
    for path in (f"{PAGE}/{link.id}", f"{PAGE}/{link.id}/end"):
        answer = person.post(path, {"name": "Mine"}, form_at=PAGE)
        assert answer.status_code == 404
    assert the_link(portal) is not None


def test_a_site_becomes_public_and_private_again(portal: Portal) -> None:
    site_id = portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    for said, public in (("on", True), ("off", False)):
        person.post(f"{PAGE}/public", {"public": said}, form_at=PAGE)
        with portal.database.reading() as session:
            assert session.get_one(Site, site_id).public is public


@pytest.mark.parametrize(
    "text", ["*", "'none'", "javascript:1", "https://a.b/path", "https://a b;c"]
)
def test_an_origin_cannot_break_out_of_the_policy(text: str) -> None:
    with pytest.raises(FieldError):
        read_origins(text)


def test_origins_are_read_in_any_case_and_once() -> None:
    typed = "https://A.example/, http://localhost:3000\nhttps://*.b.example https://a.example"
    assert read_origins(typed) == (
        "https://a.example",
        "http://localhost:3000",
        "https://*.b.example",
    )
