"""The page that looks at a site: who may, and how what was found is said."""

from collections.abc import Callable
from typing import Any

from portal.models import Role
from portal.sites.verification import Check, Found
from tests.portal.conftest import Portal

PATH = "/sites/own.example/verify"


def test_it_says_what_was_found(make_portal: Callable[..., Portal]) -> None:
    asked: list[tuple[str, bool, bool]] = []

    def verify(site: dict[str, Any], injection: bool, admin: bool) -> list[Check]:
        asked.append((site["host"], injection, admin))
        return [Check("The edge", Found.FINE, "edge", "It answers."),
                Check("The page", Found.WRONG, "csp_meta", "Allow <it>.")]  # fmt: skip

    portal = make_portal(verify=verify)
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    assert "Look now" in person.get(PATH).text
    assert asked == []
    said = person.post(PATH, {}).text
    assert asked == [("own.example", True, False)]
    assert "One thing is wrong." in said
    assert "Allow &lt;it&gt;." in said


def test_only_who_may_change_the_site_looks(portal: Portal) -> None:
    portal.site("own.example")
    viewer, stranger = portal.user("v@b.c", Role.VIEWER), portal.user("s@b.c")
    assert viewer.get(PATH).status_code == 403
    assert viewer.post(PATH, {}, form_at="/teams").status_code == 403
    assert stranger.get(PATH).status_code == 404


def test_it_is_not_looked_too_often(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(verify=lambda *_: [])
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    answers = [person.post(PATH, {}).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


def test_a_look_that_fails_is_said(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    assert "The look failed" in person.post(PATH, {}).text
