"""Who may do what: every page of a site, every role, one's own and a foreign site."""

import pytest

from portal.models import Role
from portal.rules.changes import seal
from portal.teams.rights import RIGHTS, Right, roles_with
from tests.portal.conftest import Portal

PAGES: dict[str, Right] = {
    "/sites/{host}": Right.VIEW_STATS,
    "/sites/{host}/live": Right.VIEW_STATS,
    "/sites/{host}/glance": Right.VIEW_STATS,
    "/sites/{host}/arrived": Right.VIEW_STATS,
    "/sites/{host}/cards/sources": Right.VIEW_STATS,
    "/sites/{host}/details/pages/top": Right.VIEW_STATS,
    "/sites/{host}/edge": Right.VIEW_STATS,
    "/sites/{host}/capture": Right.VIEW_STATS,
    "/sites/{host}/events": Right.VIEW_STATS,
    "/sites/{host}/rules": Right.VIEW_STATS,
    "/sites/{host}/settings": Right.EDIT_SITE,
    "/sites/{host}/sharing": Right.EDIT_SITE,
    "/sites/{host}/changes": Right.SEE_CHANGES,
    "/sites/{host}/changes.csv": Right.SEE_CHANGES,
    "/sites/{host}/changes.json": Right.SEE_CHANGES,
}
FORMS: dict[str, Right] = {
    "/sites/{host}/settings": Right.EDIT_SITE,
    "/sites/{host}/rules": Right.EDIT_SITE,
    "/sites/{host}/sharing": Right.EDIT_SITE,
    "/sites/{host}/sharing/public": Right.EDIT_SITE,
    "/sites/{host}/delete": Right.DELETE_SITE,
}
TYPED = {
    "upstreams": "http://10.0.0.9:80",
    "timezone": "UTC",
    "mode": "on",
    "aliases": "",
    "name": "wrong name",
    "act": "text",
    "seen": seal([]),
}


def test_every_route_of_a_site_is_in_the_matrix(portal: Portal) -> None:
    rules = [
        rule for rule in portal.app.url_map.iter_rules() if rule.rule.startswith("/sites/<host>")
    ]
    known = {path.split("/", 3)[3].split("/")[0] if path.count("/") > 2 else "" for path in PAGES}
    known |= {path.split("/", 3)[3] for path in FORMS}
    for rule in rules:
        tail = rule.rule.removeprefix("/sites/<host>").strip("/").split("/")[0]
        tail = tail.replace("<any(csv, json):form>", "csv")
        assert tail in known, rule.rule


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
