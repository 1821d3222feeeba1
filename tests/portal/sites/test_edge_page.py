"""The page that says how the edges fare with a site, and the kill switch on it."""

from collections.abc import Callable
from typing import Any

import pytest

from portal.models import Role
from portal.sites.payload import injection_is_on
from tests.portal.conftest import NOW, Portal
from tests.portal.sites.test_edge_health import REPORTS

PATH = "/sites/one.example/edge"


def _reports(site_id: int, **said: Any) -> list[dict[str, Any]]:
    fares = {**REPORTS[0]["sites"]["7"], **said}  # type: ignore[index]
    at_ms = int(NOW.timestamp() * 1000) - 2_000
    return [{**REPORTS[0], "at_ms": at_ms, "sites": {str(site_id): fares}}]


def test_it_shows_shares_reasons_and_processes(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(
        edge_health=lambda: _reports(1), edge_reasons={"fragment": "A piece of a page."}
    )
    portal.site("one.example")
    page = portal.user("a@b.c", Role.VIEWER).get(PATH).text
    assert "90.0%" in page
    assert "A piece of a page." in page
    assert "2s ago" in page
    assert "stopped putting the script" not in page


def test_an_open_breaker_is_said_in_plain_words(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(edge_health=lambda: _reports(1, breaker="open"))
    portal.site("one.example")
    assert "stopped putting the script" in portal.user("a@b.c", Role.VIEWER).get(PATH).text


def _fails() -> list[dict[str, Any]]:
    raise ConnectionError("away")


@pytest.mark.parametrize(
    ("health", "words"), [(_fails, "cannot be asked right now"), (list, "No edge has reported")]
)
def test_it_says_when_edges_cannot_be_asked_or_never_spoke(
    make_portal: Callable[..., Portal], health: Callable[[], list[dict[str, Any]]], words: str
) -> None:
    portal = make_portal(edge_health=health)
    portal.site("one.example")
    assert words in portal.user("a@b.c", Role.VIEWER).get(PATH).text


def test_the_site_of_another_team_has_no_such_page(portal: Portal) -> None:
    portal.site("one.example")
    assert portal.user("a@b.c").get(PATH).status_code == 404


def test_the_kill_switch_is_for_administrators(portal: Portal) -> None:
    portal.site("one.example")
    owner = portal.user("a@b.c", Role.OWNER)
    assert "Pause injection" not in owner.get(PATH).text
    off = {"state": "off", "back": "one.example"}
    assert owner.post("/injection", off, form_at=PATH).status_code == 403
    admin = portal.user("b@b.c", Role.OWNER, admin=True)
    assert "Pause injection" in admin.get(PATH).text
    assert admin.post("/injection", off, form_at=PATH).headers["Location"].endswith(PATH)
    assert [told.injection for told in portal.published] == [False]
    assert "switched the script off for all sites" in admin.get(PATH).text
    assert admin.post("/injection", {**off, "state": "on"}, form_at=PATH).status_code == 302
    with portal.database.reading() as session:
        assert injection_is_on(session)
