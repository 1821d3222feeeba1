"""Who may do what: every page of a site, every role, one's own and a foreign site."""

import pytest
from sqlalchemy import select

from portal.models import Guest, Role, Team, User
from portal.rules.changes import seal
from portal.teams.rights import GUEST_RIGHTS, RIGHTS, Right, roles_given_by, roles_with
from statflow.docs import rights_page
from statflow.settings import ROOT
from tests.portal.conftest import Portal

PAGES: dict[str, Right] = {
    "/sites/{host}": Right.VIEW_STATS,
    "/sites/{host}/current": Right.VIEW_STATS,
    "/sites/{host}/foot": Right.VIEW_STATS,
    "/sites/{host}/live": Right.VIEW_STATS,
    "/sites/{host}/live/view": Right.VIEW_STATS,
    "/sites/{host}/funnels": Right.VIEW_STATS,
    "/sites/{host}/journeys": Right.VIEW_STATS,
    "/sites/{host}/retention": Right.VIEW_STATS,
    "/sites/{host}/notes": Right.VIEW_STATS,
    "/sites/{host}/settings/segments": Right.VIEW_STATS,
    "/sites/{host}/settings/segments/new": Right.VIEW_STATS,
    "/sites/{host}/settings/goals": Right.EDIT_SITE,
    "/sites/{host}/settings/properties": Right.EDIT_SITE,
    "/sites/{host}/settings/funnels": Right.EDIT_SITE,
    "/sites/{host}/settings/funnels/new": Right.EDIT_SITE,
    "/sites/{host}/settings/funnels/preview": Right.EDIT_SITE,
    "/sites/{host}/glance": Right.VIEW_STATS,
    "/sites/{host}/arrived": Right.VIEW_STATS,
    "/sites/{host}/cards/sources": Right.VIEW_STATS,
    "/sites/{host}/details/pages/top": Right.VIEW_STATS,
    "/sites/{host}/edge": Right.VIEW_STATS,
    "/sites/{host}/capture": Right.VIEW_STATS,
    "/sites/{host}/events": Right.VIEW_STATS,
    "/sites/{host}/behaviour": Right.VIEW_STATS,
    "/sites/{host}/behaviour/map": Right.VIEW_STATS,
    "/sites/{host}/behaviour/clicks": Right.VIEW_STATS,
    "/sites/{host}/behaviour/vitals": Right.VIEW_STATS,
    "/sites/{host}/behaviour/errors": Right.VIEW_STATS,
    "/sites/{host}/behaviour/forms": Right.VIEW_STATS,
    "/sites/{host}/edge/crawlers": Right.VIEW_STATS,
    "/sites/{host}/edge/answers": Right.VIEW_STATS,
    "/sites/{host}/rules": Right.VIEW_STATS,
    "/sites/{host}/settings": Right.EDIT_SITE,
    "/sites/{host}/sharing": Right.EDIT_SITE,
    "/sites/{host}/reports": Right.EDIT_SITE,
    "/sites/{host}/changes": Right.SEE_CHANGES,
    "/sites/{host}/changes.csv": Right.SEE_CHANGES,
    "/sites/{host}/changes.json": Right.SEE_CHANGES,
}
FORMS: dict[str, Right] = {
    "/sites/{host}/settings": Right.EDIT_SITE,
    "/sites/{host}/settings/goals": Right.EDIT_SITE,
    "/sites/{host}/settings/properties": Right.EDIT_SITE,
    "/sites/{host}/settings/segments/new": Right.VIEW_STATS,
    "/sites/{host}/notes": Right.VIEW_STATS,
    "/sites/{host}/rules": Right.EDIT_SITE,
    "/sites/{host}/move": Right.MOVE_SITE,
    "/sites/{host}/sharing": Right.EDIT_SITE,
    "/sites/{host}/sharing/public": Right.EDIT_SITE,
    "/sites/{host}/reports/alerts": Right.EDIT_SITE,
    "/sites/{host}/delete": Right.DELETE_SITE,
}
TYPED = {
    "upstreams": "http://10.0.0.9:80",
    "timezone": "UTC",
    "mode": "on",
    "aliases": "",
    "name": "wrong name",
    "kind": "event",
    "target": "Buy",
    "cond_op": "is",
    "cond_dim": "country",
    "cond_value": "FR",
    "day": "2026-11-01",
    "text": "[]",
    "act": "text",
    "seen": seal([]),
    "team": "1",
    "what": "broken",
    "quiet_h": "1",
}
TEAM_FORMS: dict[str, Right] = {
    "/teams/{team}/invitations": Right.MANAGE_PEOPLE,
    "/teams/{team}/invitations/99/withdraw": Right.MANAGE_PEOPLE,
    "/teams/{team}/members/99/role": Right.MANAGE_PEOPLE,
    "/teams/{team}/members/99/remove": Right.MANAGE_PEOPLE,
    "/teams/{team}/members/99/owner": Right.MANAGE_OWNERS,
    "/teams/{team}/guests/99/99/remove": Right.MANAGE_PEOPLE,
    "/teams/{team}/guests/99/99/role": Right.MANAGE_PEOPLE,
    "/teams/{team}/name": Right.RENAME_TEAM,
    "/teams/{team}/factor": Right.NEED_FACTOR,
    "/teams/{team}/delete": Right.DELETE_TEAM,
    "/teams/{team}/keep": Right.DELETE_TEAM,
    "/teams/{team}/leave": Right.SEE_TEAM,
}


@pytest.mark.parametrize("role", [*Role, None])
def test_a_role_opens_what_the_table_says_and_nothing_else(
    portal: Portal, role: Role | None
) -> None:
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    person = portal.user("a@b.c", role)
    held = RIGHTS[role] if role else frozenset()
    for path, right in PAGES.items():
        status = person.get(path.format(host="own.example")).status_code
        seen = Right.VIEW_STATS in held
        assert (status < 300) == (right in held), (path, status)
        assert status in ({200, 204, 403} if seen else {404})
        assert person.get(path.format(host="foreign.example")).status_code == 404
    for path, right in FORMS.items():
        own = person.post(path.format(host="own.example"), TYPED, form_at="/")
        assert (own.status_code == 302) == (right in held), (path, own.status_code)
        foreign = person.post(path.format(host="foreign.example"), TYPED, form_at="/")
        assert foreign.status_code == 404
    new = {"host": f"new-{role}.example", "upstream": "http://a:1", "timezone": "UTC"}
    added = person.post("/sites/new", new, form_at="/")
    assert (added.status_code == 302) == (Right.ADD_SITE in held)


def _team_id(portal: Portal, name: str) -> int:
    with portal.database.reading() as session:
        return int(session.scalar(select(Team.id).where(Team.name == name)) or 0)


@pytest.mark.parametrize("role", [*Role, None])
def test_a_role_changes_of_a_team_what_the_table_says(portal: Portal, role: Role | None) -> None:
    portal.user("owner@b.c", Role.OWNER)
    portal.user("other@b.c", Role.OWNER, team="Others")
    own, foreign = _team_id(portal, "Default"), _team_id(portal, "Others")
    person = portal.user("a@b.c", role)
    held = RIGHTS[role] if role else frozenset()
    typed = {"email": "new@b.c", "role": "viewer", "place": "", "name": "x"}
    assert person.get(f"/teams/{own}").status_code == (200 if held else 404)
    assert person.get(f"/teams/{foreign}").status_code == 404
    for path, right in TEAM_FORMS.items():
        assert person.post(path.format(team=foreign), typed, form_at="/").status_code == 404
        status = person.post(path.format(team=own), typed, form_at="/").status_code
        wanted = {200, 302} if right in held else {403} if held else {404}
        assert status in wanted, (path, status)


@pytest.mark.parametrize("role", GUEST_RIGHTS)
def test_a_guest_has_one_site_and_no_team(portal: Portal, role: Role) -> None:
    number = portal.site("own.example")
    portal.site("beside.example")
    person = portal.user("guest@b.c")
    with portal.database.writing() as session:
        user_id = session.scalar(select(User.id).where(User.email == "guest@b.c"))
        session.add(Guest(user_id=user_id, site_id=number, role=role))
    for path, right in PAGES.items():
        status = person.get(path.format(host="own.example")).status_code
        assert (status < 300) == (right in GUEST_RIGHTS[role]), (path, status)
        assert person.get(path.format(host="beside.example")).status_code == 404
    for path, right in FORMS.items():
        answer = person.post(path.format(host="own.example"), TYPED, form_at="/")
        assert (answer.status_code == 302) == (right in GUEST_RIGHTS[role]), path
    assert person.get(f"/teams/{_team_id(portal, 'Default')}").status_code == 404
    assert person.get("/sites/new").status_code == 403


def test_only_owners_make_and_change_owners() -> None:
    assert Role.OWNER in roles_given_by(RIGHTS[Role.OWNER])
    assert Role.OWNER not in roles_given_by(RIGHTS[Role.ADMIN])
    assert roles_given_by(RIGHTS[Role.EDITOR]) == ()


def test_the_page_of_rights_says_what_the_table_says() -> None:
    assert (ROOT / "docs" / "rights.md").read_text() == rights_page()


def test_an_administrator_of_the_installation_sees_no_foreign_numbers(portal: Portal) -> None:
    portal.site("foreign.example", team="Others")
    person = portal.user("a@b.c", Role.OWNER)
    assert person.get("/sites/foreign.example").status_code == 404
    assert "foreign.example" not in person.get("/").text


def test_nobody_in_particular_is_sent_to_the_login(portal: Portal) -> None:
    portal.site("own.example")
    for path in ("/", "/sites", "/sites/new", *PAGES):
        answer = portal.somebody().get(path.format(host="own.example"))
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login")


def test_a_site_is_found_by_host_alias_and_id(portal: Portal) -> None:
    number = portal.site("own.example", aliases=["alias.example"])
    person = portal.user("a@b.c", Role.VIEWER)
    for name in ("own.example", "OWN.example", "alias.example", str(number)):
        assert person.get(f"/sites/{name}").status_code == 200
    assert person.get("/sites/99999999999999999999").status_code == 404


def test_the_mightiest_role_stands_first() -> None:
    assert roles_with(Right.EDIT_SITE) == (Role.OWNER, Role.ADMIN, Role.EDITOR)
