"""The navigation of a site: every page in it opens, and marks itself."""

import pytest

from portal.models import Role
from portal.sites.tabs import GROUPS
from tests.portal.conftest import Portal


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_every_page_that_is_offered_opens_and_is_marked(portal: Portal, role: Role) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", role)
    with portal.app.test_request_context():
        for group in GROUPS:
            for page in group.seen(may_edit=role is Role.EDITOR):
                path = portal.app.url_for(page.endpoint, host="own.example", _external=False)
                answer = person.get(path)
                assert answer.status_code == 200, path
                marked = answer.text.split('aria-label="Site"')[1].split("</nav>")[0]
                assert f'aria-current="true">{group.label}</a>' in " ".join(marked.split())


def test_a_viewer_is_offered_nothing_that_needs_the_right_to_edit(portal: Portal) -> None:
    portal.site("own.example")
    text = portal.user("a@b.c", Role.VIEWER).get("/sites/own.example/notes").text
    assert "/settings/goals" not in text
    assert "/sites/own.example/settings/segments" in text


def test_names_are_given_once() -> None:
    names = [page.name for group in GROUPS for page in group.pages]
    assert len(names) == len(set(names))
