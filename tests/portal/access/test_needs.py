"""The mark of a route: read as it was written, and without one nothing opens."""

import pytest

from portal.needs import OfToken, Who, declared, needs
from portal.sites.access import site_or_stop
from portal.teams.rights import Right
from tests.portal.conftest import Portal


@pytest.mark.parametrize("need", [Right.EDIT_SITE, Who.SIGNED_IN, OfToken("stats:read")])
def test_a_mark_is_read_as_it_was_written(portal: Portal, need: Right | Who | OfToken) -> None:
    @portal.app.get("/marked")
    @needs(need)
    def marked() -> str:
        return ""

    assert declared(portal.app, "marked") == need


def test_a_route_without_a_right_opens_to_nobody(portal: Portal) -> None:
    @portal.app.get("/sites/<host>/new-page")
    def forgotten(host: str) -> str:
        return site_or_stop(host).host

    portal.site("own.example")
    person = portal.user("a@b.c")
    answer = person.get("/sites/own.example/new-page")
    assert answer.status_code == 500
    assert declared(portal.app, "forgotten") is None
