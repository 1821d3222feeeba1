"""Every change leaves a record: who, what, before, after; and no secret is in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from portal.accounts.passwords import hash_password
from portal.audit.recording import MASK, is_secret
from portal.commands import add_site, create_token, setup_link, site_named, update_aliases
from portal.models import (
    AuditEntry,
    Base,
    Guest,
    Identity,
    Membership,
    Passkey,
    Role,
    Site,
    SiteSegment,
    User,
)
from portal.rules.changes import seal
from tests.portal.conftest import NOW, PASSWORD, Person, Portal
from tests.portal.factors import add_app
from tests.portal.messages.conftest import ways
from tests.support.pictures import MemoryPictures

SITE = "/sites/own.example"
API = "/api/v2/sites/own.example"
GOAL = {"name": "Signup", "kind": "event", "target": "Signup"}
FUNNEL = {"name": "F", "steps": [1, 2]}
SEGMENT = {"name": "S", "filters": [["is", "visit:country", ["FR"]]]}
NOTE = {"day": "2026-11-01", "text": "Started"}
BUILT = {"steps": ["1", "2"], "within": "visit", "between": "any", "window": "1", "unit": "3600"}
CONDITION = {"cond_op": "is", "cond_dim": "country", "cond_value": "FR"}
PICTURES = f"{SITE}/behaviour/pictures"
TAKEN = MemoryPictures()
SETTINGS = {"upstreams": "http://10.0.0.9:80", "timezone": "Europe/Paris", "mode": "on"}
BOT = "12345678:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
RULES = '[{"id": "admin", "kind": "inject", "action": "exclude", "paths": ["/admin/**"]}]'

Act = Callable[[Portal, Person, dict[str, str]], Any]


def form(path: str, /, **data: Any) -> Act:
    return lambda _portal, person, _headers: person.post(path, data, form_at="/sites/new")


def api(method: str, path: str, body: dict[str, Any] | None = None) -> Act:
    return lambda _portal, person, headers: person.client.open(
        f"{API}/{path}", method=method, json=body, headers=headers
    )


def kept(method: str) -> Act:
    """Add goals, then do something to a goal: the route is one for all kinds."""
    paths = {"POST": "goals", "PUT": "goals/1", "DELETE": "goals/1"}

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        if method != "POST":
            api("POST", "goals", GOAL)(portal, person, headers)
        body = GOAL | {"name": "Other"} if method != "DELETE" else None
        return api(method, paths[method], body)(portal, person, headers)

    return act


def with_link(path: str, **data: Any) -> Act:
    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        form(f"{SITE}/sharing", name="Press")(portal, person, headers)
        return form(f"{SITE}/sharing/1{path}", **data)(portal, person, headers)

    return act


def with_rows(path: str, **data: Any) -> Act:
    """Add two goals, a funnel of them, a segment and a note, then do something."""

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        rows = {"goals": GOAL, "funnels": FUNNEL, "segments": SEGMENT, "annotations": NOTE}
        api("POST", "goals", GOAL | {"name": "Other"})(portal, person, headers)
        for kind, body in rows.items():
            api("POST", kind, body)(portal, person, headers)
        return form(f"{SITE}{path}", **data)(portal, person, headers)

    return act


def with_recipient(path: str, **data: Any) -> Act:
    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        typed = {"kind": "telegram", "address": "-1", "key": BOT, "gets": ["weekly"]}
        form(f"{SITE}/reports/recipients", **typed)(portal, person, headers)
        return form(f"{SITE}/reports/recipients/1{path}", **data)(portal, person, headers)

    return act


def with_picture(then: str) -> Act:
    """Ask for a picture, let an edge take it, then do something."""

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        typed = {"page": "/", "address": "https://own.example/"}
        answer = form(f"{PICTURES}", **typed)(portal, person, headers)
        if not then:
            return answer
        person.get(f"{PICTURES}/1")
        TAKEN.take()
        return form(f"{PICTURES}/1{then}")(portal, person, headers)

    return act


def set_up(portal: Portal, person: Person, _headers: dict[str, str]) -> Any:
    with portal.database.writing() as session:
        for user in session.scalars(select(User)):
            session.delete(user)
        session.flush()
        link = setup_link(session) or ""
    data = {"email": "first@b.c", "password": PASSWORD, "token": link.partition("token=")[2]}
    return portal.somebody().post("/setup", data, form_at=link)


def with_somebody(path: str, **data: Any) -> Act:
    """Do something about another member of the first team."""

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        portal.user("other@b.c", Role.VIEWER)
        with portal.database.reading() as session:
            number = session.scalars(select(User.id).where(User.email == "other@b.c")).one()
        return form(path.format(id=number), **data)(portal, person, headers)

    return act


def with_guest(path: str, **data: Any) -> Act:
    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        portal.user("guest@b.c")
        with portal.database.writing() as session:
            guest = session.scalars(select(User).where(User.email == "guest@b.c")).one()
            site = site_named(session, "own.example")
            session.add(Guest(user_id=guest.id, site_id=site.id, role=Role.VIEWER))
            path_of = path.format(id=guest.id, site=site.id)
        return form(path_of, **data)(portal, person, headers)

    return act


def people(method: str, kind: str) -> Act:
    """Change or remove a member, or a guest, by REST."""

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        portal.user("other@b.c", Role.VIEWER)
        with portal.database.writing() as session:
            other = session.scalars(select(User).where(User.email == "other@b.c")).one()
            site = site_named(session, "own.example")
            session.add(Guest(user_id=other.id, site_id=site.id, role=Role.VIEWER))
            path = f"{kind}/{other.id}"
        body = {"role": "editor"} if method == "PUT" else None
        return api(method, path, body)(portal, person, headers)

    return act


def after(first: Act, *then: Act) -> Act:
    """Do one thing after another."""

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        answer = first(portal, person, headers)
        for each in then:
            answer = each(portal, person, headers)
        return answer

    return act


def older(method: str, path: str, **data: str) -> Act:
    """Send a form to the older Sites API."""
    fields = {"site_id": "own.example", **data}
    return lambda _portal, person, headers: person.client.open(
        f"/api/v1/sites{path}", method=method, data=fields, headers=headers
    )


OLDER_GOAL = older("PUT", "/goals", goal_type="event", event_name="Signup")
OLDER_GUEST = older("PUT", "/guests", role="viewer", email="g@b.c")
HOLD = form(f"{SITE}/data/hold", until="2026-12-24", reason="A claim")
LINK = api("POST", "links", {"name": "Press"})
INVITATION = api("POST", "invitations", {"email": "n@b.c", "role": "viewer"})


def with_app(*then: Act) -> Act:
    """Add a code app, then do something."""

    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        add_app(portal, person)
        answer = person.get("/account/factors")
        for each in then:
            answer = each(portal, person, headers)
        return answer

    return act


def _mine(portal: Portal, row: Passkey | Identity) -> None:
    with portal.database.writing() as session:
        row.user_id = session.scalars(select(User.id).where(User.email == "a@b.c")).one()
        row.created_at = NOW
        session.add(row)


def with_passkey(then: Act) -> Act:
    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        row = Passkey(name="Key", credential_id="AA", public_key="AA", user_handle="AA")
        row.transports = []
        _mine(portal, row)
        return then(portal, person, headers)

    return act


def with_identity(then: Act) -> Act:
    def act(portal: Portal, person: Person, headers: dict[str, str]) -> Any:
        _mine(portal, Identity(issuer="https://door.example", subject="1", email="a@b.c"))
        return then(portal, person, headers)

    return act


ANOTHER = form("/teams", name="Blue")
MUTATING: dict[tuple[str, str], Act] = {
    ("POST", "/teams"): ANOTHER,
    ("POST", "/teams/<int:team_id>/invitations"): form(
        "/teams/1/invitations", email="n@b.c", role="viewer", place=""
    ),
    ("POST", "/teams/<int:team_id>/invitations/<int:number>/withdraw"): after(
        form("/teams/1/invitations", email="n@b.c", role="viewer", place=""),
        form("/teams/1/invitations/1/withdraw"),
    ),
    ("POST", "/teams/<int:team_id>/members/<int:user_id>/role"): with_somebody(
        "/teams/1/members/{id}/role", role="editor"
    ),
    ("POST", "/teams/<int:team_id>/members/<int:user_id>/remove"): with_somebody(
        "/teams/1/members/{id}/remove"
    ),
    ("POST", "/teams/<int:team_id>/members/<int:user_id>/owner"): with_somebody(
        "/teams/1/members/{id}/owner"
    ),
    ("POST", "/teams/<int:team_id>/guests/<int:user_id>/<int:site_id>/role"): with_guest(
        "/teams/1/guests/{id}/{site}/role", role="editor"
    ),
    ("POST", "/teams/<int:team_id>/guests/<int:user_id>/<int:site_id>/remove"): with_guest(
        "/teams/1/guests/{id}/{site}/remove"
    ),
    ("POST", "/teams/<int:team_id>/leave"): after(
        with_somebody("/teams/1/members/{id}/owner"), form("/teams/1/leave")
    ),
    ("POST", "/teams/<int:team_id>/name"): after(ANOTHER, form("/teams/2/name", name="Green")),
    ("POST", "/teams/<int:team_id>/delete"): after(ANOTHER, form("/teams/2/delete", name="Blue")),
    ("POST", "/teams/<int:team_id>/keep"): after(
        ANOTHER, form("/teams/2/delete", name="Blue"), form("/teams/2/keep")
    ),
    ("POST", "/admin/people/<int:user_id>/<any(lock, unlock):act>"): with_somebody(
        "/admin/people/{id}/lock"
    ),
    ("POST", "/admin/people/<int:user_id>/<any(make, unmake):act>-administrator"): with_somebody(
        "/admin/people/{id}/make-administrator"
    ),
    ("POST", "/admin/people/<int:user_id>/sign-out"): with_somebody("/admin/people/{id}/sign-out"),
    ("POST", "/admin/banner"): form("/admin/banner", text="Back at nine", level="note"),
    ("POST", "/sites/<host>/move"): after(ANOTHER, form(f"{SITE}/move", team="2")),
    ("POST", "/account/password"): form(
        "/account/password", current=PASSWORD, password="seven lamps over 3 harbours"
    ),
    ("POST", "/account/language"): form("/account/language", language="fr"),
    ("POST", "/account/factors/app"): with_app(),
    ("POST", "/account/factors/app/remove"): with_app(form("/account/factors/app/remove")),
    ("POST", "/account/factors/recovery"): with_app(form("/account/factors/recovery")),
    ("POST", "/account/factors/passkeys/<int:passkey_id>/name"): with_passkey(
        form("/account/factors/passkeys/1/name", name="Other")
    ),
    ("POST", "/account/factors/passkeys/<int:passkey_id>/remove"): with_passkey(
        form("/account/factors/passkeys/1/remove")
    ),
    ("POST", "/account/sso/<int:number>/unlink"): with_identity(form("/account/sso/1/unlink")),
    ("POST", "/teams/<int:team_id>/factor"): with_app(form("/teams/1/factor", needed="on")),
    ("POST", "/account/sessions/<int:number>/end"): form("/account/sessions/1/end"),
    ("POST", "/account/sessions/end-others"): form("/account/sessions/end-others"),
    ("POST", "/setup"): set_up,
    ("POST", "/sites/new"): form(
        "/sites/new", host="new.example", upstream="http://a:1", timezone="UTC"
    ),
    ("POST", "/injection"): form("/injection", state="off", back="own.example"),
    ("POST", "/sites/<host>/settings"): form(f"{SITE}/settings", **SETTINGS),
    ("POST", "/sites/<host>/settings/goals"): form(
        f"{SITE}/settings/goals", kind="event", target="Buy"
    ),
    ("POST", "/sites/<host>/settings/goals/<int:row_id>"): with_rows(
        "/settings/goals/1", kind="event", target="Look"
    ),
    ("POST", "/sites/<host>/settings/goals/<int:row_id>/delete"): after(
        api("POST", "goals", GOAL), form(f"{SITE}/settings/goals/1/delete")
    ),
    ("POST", "/sites/<host>/settings/properties"): form(
        f"{SITE}/settings/properties", key="plan", label="Plan"
    ),
    ("PUT", "/api/v2/sites/<site>/properties"): api(
        "PUT", "properties", {"name": "plan", "label": "Plan"}
    ),
    ("POST", "/sites/<host>/settings/funnels/new"): with_rows(
        "/settings/funnels/new", **BUILT, name="New"
    ),
    ("POST", "/sites/<host>/settings/funnels/<int:row_id>"): with_rows(
        "/settings/funnels/1", **BUILT, name="Renamed"
    ),
    ("POST", "/sites/<host>/settings/funnels/<int:row_id>/delete"): with_rows(
        "/settings/funnels/1/delete"
    ),
    ("POST", "/sites/<host>/settings/segments/new"): form(
        f"{SITE}/settings/segments/new", name="S", **CONDITION
    ),
    ("POST", "/sites/<host>/settings/segments/<int:row_id>"): with_rows(
        "/settings/segments/1", name="Renamed", **CONDITION
    ),
    ("POST", "/sites/<host>/settings/segments/<int:row_id>/delete"): with_rows(
        "/settings/segments/1/delete"
    ),
    ("POST", "/sites/<host>/behaviour/pictures"): with_picture(""),
    ("POST", "/sites/<host>/behaviour/pictures/<int:picture_id>/keep"): with_picture("/keep"),
    ("POST", "/sites/<host>/behaviour/pictures/<int:picture_id>/delete"): with_picture("/delete"),
    ("POST", "/sites/<host>/notes"): form(f"{SITE}/notes", **NOTE),
    ("POST", "/sites/<host>/notes/<int:row_id>"): with_rows(
        "/notes/1", day="2026-11-02", text="Later"
    ),
    ("POST", "/sites/<host>/notes/<int:row_id>/delete"): with_rows("/notes/1/delete"),
    ("POST", "/sites/<host>/rules"): form(f"{SITE}/rules", act="text", text=RULES, seen=seal([])),
    ("POST", "/sites/<host>/delete"): form(f"{SITE}/delete", name="own.example"),
    ("POST", "/sites/<host>/sharing"): form(f"{SITE}/sharing", name="Press"),
    ("POST", "/sites/<host>/sharing/public"): form(f"{SITE}/sharing/public", public="on"),
    ("POST", "/sites/<host>/sharing/<int:link_id>"): with_link("", name="Other"),
    ("POST", "/sites/<host>/sharing/<int:link_id>/end"): with_link("/end"),
    ("POST", "/sites/<host>/reports/recipients"): with_recipient("", gets=["alerts"]),
    ("POST", "/sites/<host>/reports/recipients/<int:recipient_id>"): with_recipient(
        "", gets=["alerts"]
    ),
    ("POST", "/sites/<host>/reports/recipients/<int:recipient_id>/remove"): with_recipient(
        "/remove"
    ),
    ("POST", "/sites/<host>/reports/alerts"): form(
        f"{SITE}/reports/alerts", what="broken", quiet_h="1"
    ),
    ("POST", "/sites/<host>/reports/alerts/<int:alert_id>/remove"): after(
        form(f"{SITE}/reports/alerts", what="broken", quiet_h="1"),
        form(f"{SITE}/reports/alerts/1/remove"),
    ),
    ("POST", "/sites/<host>/data/erase"): form(
        f"{SITE}/data/erase", everything="y", confirm="own.example"
    ),
    ("POST", "/sites/<host>/data/download"): form(
        f"{SITE}/data/download", **{"raw-form": "parquet"}
    ),
    ("POST", "/sites/<host>/data/hold"): HOLD,
    ("POST", "/sites/<host>/data/hold/<int:row_id>/lift"): after(
        HOLD, form(f"{SITE}/data/hold/1/lift")
    ),
    ("POST", "/sites/<host>/privacy"): form(f"{SITE}/privacy", privacy_contact="Own Ltd"),
    ("POST", "/tokens"): form("/tokens", name="Report", host="own.example", scopes=["stats:read"]),
    ("POST", "/tokens/<int:token_id>/end"): form("/tokens/1/end"),
    ("POST", "/api/v2/sites/<site>/tokens"): api("POST", "tokens", {"scopes": ["stats:read"]}),
    ("DELETE", "/api/v2/sites/<site>/tokens/<int:row_id>"): api("DELETE", "tokens/1"),
    ("POST", "/api/v2/sites"): lambda _portal, person, headers: person.client.post(
        "/api/v2/sites", json={"host": "new.example", "upstream": "http://a:1"}, headers=headers
    ),
    ("DELETE", "/api/v2/sites/<site>"): lambda _portal, person, headers: person.client.delete(
        API, headers=headers
    ),
    ("POST", "/api/v1/sites"): older("POST", "", domain="new.example"),
    ("PUT", "/api/v1/sites/<site>"): older("PUT", "/own.example", domain="new.example"),
    ("DELETE", "/api/v1/sites/<site>"): older("DELETE", "/own.example"),
    ("PUT", "/api/v1/sites/shared-links"): older("PUT", "/shared-links", name="Press"),
    ("PUT", "/api/v1/sites/goals"): OLDER_GOAL,
    ("DELETE", "/api/v1/sites/goals/<int:row_id>"): after(OLDER_GOAL, older("DELETE", "/goals/1")),
    ("PUT", "/api/v1/sites/guests"): OLDER_GUEST,
    ("DELETE", "/api/v1/sites/guests/<email>"): after(
        OLDER_GUEST, older("DELETE", "/guests/g@b.c")
    ),
    ("PATCH", "/api/v2/sites/<site>/settings"): api("PATCH", "settings", {"mode": "off"}),
    ("PUT", "/api/v2/sites/<site>/public"): api("PUT", "public", {"public": True}),
    ("POST", "/api/v2/sites/<site>/links"): LINK,
    ("PUT", "/api/v2/sites/<site>/links/<int:row_id>"): after(
        LINK, api("PUT", "links/1", {"name": "Other"})
    ),
    ("DELETE", "/api/v2/sites/<site>/links/<int:row_id>"): after(LINK, api("DELETE", "links/1")),
    ("POST", "/api/v2/sites/<site>/invitations"): INVITATION,
    ("DELETE", "/api/v2/sites/<site>/invitations/<int:row_id>"): after(
        INVITATION, api("DELETE", "invitations/1")
    ),
    **{
        (method, f"/api/v2/sites/<site>/{kind}/<int:row_id>"): people(method, kind)
        for method in ("PUT", "DELETE")
        for kind in ("members", "guests")
    },
    ("POST", "/api/v2/sites/<site>/KEPT"): kept("POST"),
    ("PUT", "/api/v2/sites/<site>/KEPT/<int:row_id>"): kept("PUT"),
    ("DELETE", "/api/v2/sites/<site>/KEPT/<int:row_id>"): kept("DELETE"),
}
BY_LINK = {
    *("/invitations/<token>", "/signup/<token>", "/reset/<token>", "/confirm/<token>"),
    "/unsubscribe/<token>",
}
"""Whoever opens a one-time link is nobody yet; what they change is recorded by the same session."""
CHANGES_NOTHING = {
    "/signup": "sends a link",
    "/forgot": "sends a link",
    "/account/address": "sends a link",
    "/login": "a session is the browser's cookie",
    "/sites/<host>/reports/recipients/<int:recipient_id>/test": "sends a message",
    "/logout": "likewise",
    "/login/second": "likewise; a recovery code that it uses up is recorded",
    "/login/passkey": "likewise",
    "/account/again": "likewise",
    "/account/factors/passkeys": "adds what a browser made: tests/portal/accounts/test_passkeys.py",
    "/theme": "a cookie",
    "/share/<slug>": "asks for a password",
    "/sites/<host>/verify": "a look at the site",
    "/api/v2/query": "a question",
    "/api/v2/sites/<site>/imports/<name>": "rows of the store; tests/portal/api/test_manage.py",
    **dict.fromkeys(
        (
            f"/sites/<host>/settings/imports{path}"
            for path in (
                "",
                "/files/<int:row_id>",
                "/files/<int:row_id>/remove",
                "/<import_name>/remove",
            )
        ),
        "files and rows of the store; tests/portal/imports/test_views.py",
    ),
    "/api/v2/funnel": "a question",
    "/api/v2/journeys": "a question",
    "/api/v2/retention": "a question",
    "/api/v2/clicks": "a question",
    "/api/v2/scroll": "a question",
    "/api/v2/vitals": "a question",
    "/api/v2/errors": "a question",
    "/api/v2/forms": "a question",
    "/api/<any(event, send, batch):name>": "events, for the collector",
}
_KEPT = "<any(goals, funnels, segments, annotations):kept>"


def changes(portal: Portal) -> list[AuditEntry]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
        session.expunge_all()
        return found


def test_every_route_that_takes_changes_is_known(portal: Portal) -> None:
    for rule in portal.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            path = rule.rule.replace(_KEPT, "KEPT")
            known = path in CHANGES_NOTHING or path in BY_LINK
            assert (method, path) in MUTATING or known, (method, path)


@pytest.mark.parametrize(("method", "path"), MUTATING)
def test_every_change_is_recorded_with_who_and_from_where(
    make_portal: Callable[..., Portal], method: str, path: str
) -> None:
    portal = make_portal(
        ways=ways(), pictures=TAKEN.ways(), download=lambda *_: (piece for piece in ())
    )
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER, admin=True)
    scopes = ("sites:read", "sites:write", "sites:admin", "people:write", "stats:read")
    headers = {"Authorization": f"Bearer {portal.token('a@b.c', 'own.example', scopes)}"}
    before = len(changes(portal))
    answer = MUTATING[method, path](portal, person, headers)
    assert answer.status_code in {200, 201, 204, 302}, answer.text
    found = changes(portal)[before:]
    assert found
    last = found[-1]
    if path == "/setup":
        assert (last.who, last.via) == ("", "portal")
    else:
        assert (last.who, last.via) == ("a@b.c", "api" if path.startswith("/api") else "portal")
    assert last.at == NOW
    assert "127.0.0.1" not in json.dumps([[row.before, row.after] for row in found])


def test_before_and_after_hold_what_changed_and_nothing_else(portal: Portal) -> None:
    site_id = portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    person.post(f"{SITE}/sharing/public", {"public": "on"}, form_at=f"{SITE}/sharing")
    last = changes(portal)[-1]
    assert (last.act, last.kind, last.subject) == ("changed", "sites", "own.example")
    assert (last.site_id, last.before, last.after) == (site_id, {"public": False}, {"public": True})


def test_no_secret_is_in_the_record(portal: Portal) -> None:
    portal.site("own.example")
    portal.user("a@b.c", Role.OWNER)
    token = portal.token("a@b.c", "own.example")
    with portal.database.writing() as session:
        site = session.scalars(select(Site)).one()
        site.debug_key = "very-secret"
        user = session.scalars(select(User)).one()
        user.password_hash = hash_password("another word")
        user.session_key = "key-two"
        hashes = [user.password_hash, user.session_key, site.debug_key]
    with portal.database.writing() as session:
        session.delete(session.scalars(select(User)).one())
        session.flush()
        link = setup_link(session) or ""
    text = json.dumps([[row.subject, row.before, row.after] for row in changes(portal)])
    assert MASK in json.loads(f'"{MASK}"')
    for secret in (token, "$argon2id$", "key-of-a@b.c", link.partition("=")[2], *hashes):
        assert secret not in text
    assert "sites" in {row.kind for row in changes(portal)}
    changed = [row for row in changes(portal) if row.act == "changed" and row.kind == "users"]
    assert changed[-1].after == {"password_hash": "•••", "session_key": "•••"}


def test_columns_that_hold_secrets_are_masked() -> None:
    columns = {f"{t}.{c.name}" for t, table in Base.metadata.tables.items() for c in table.columns}
    masked = {name for name in columns if is_secret(name.partition(".")[2])}
    assert {
        "users.password_hash",
        "users.session_key",
        "api_tokens.token_hash",
        "sites.debug_key",
        "sites.quiet_seed",
        "share_links.slug",
        "share_links.password_hash",
        "code_apps.sealed_secret",
        "recovery_codes.code_hash",
    } <= masked
    assert "sites.public_key" not in masked


def test_what_was_undone_leaves_no_record(portal: Portal) -> None:
    portal.site("own.example")
    before = len(changes(portal))

    def fails() -> None:
        with portal.database.writing() as session:
            add_site(session, "two.example", "http://a:1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert len(changes(portal)) == before


def test_a_command_is_recorded_as_one(portal: Portal) -> None:
    portal.user("a@b.c", Role.OWNER)
    portal.site("own.example")
    with portal.database.writing() as session:
        create_token(session, "a@b.c", "own.example", ["stats:read"])
        site_named(session, "own.example").mode = "shadow"
    last = changes(portal)[-1]
    assert (last.who, last.via, last.after) == ("", "command", {"mode": "shadow"})


def test_a_statement_that_changes_many_rows_is_recorded_too(portal: Portal) -> None:
    portal.user("a@b.c", Role.OWNER)
    with portal.database.writing() as session:
        session.execute(update(Membership).values(role=Role.VIEWER))
    last = changes(portal)[-1]
    assert (last.act, last.kind, last.subject) == ("changed", "memberships", "several")


def test_what_falls_out_of_a_list_is_recorded_as_removed(portal: Portal) -> None:
    site_id = portal.site("own.example", aliases=["www.own.example"])
    with portal.database.writing() as session:
        update_aliases(session, site_named(session, "own.example"), [])
    last = changes(portal)[-1]
    assert (last.act, last.kind, last.subject) == ("removed", "site_hosts", "www.own.example")
    assert last.site_id == site_id


def test_using_a_token_is_no_change(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    token = portal.token("a@b.c", "own.example", ("sites:read",))
    before = len(changes(portal))
    answer = person.client.get(API, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert len(changes(portal)) == before


def test_a_segment_is_named_in_its_record(portal: Portal) -> None:
    site_id = portal.site("own.example")
    with portal.database.writing() as session:
        session.add(SiteSegment(site_id=site_id, name="France", filters=[], created_at=NOW))
    last = changes(portal)[-1]
    assert (last.act, last.kind, last.subject) == ("added", "site_segments", "France")
