"""Two teams and everybody who may come: the ground on which every route is walked.

Everything of the foreign team says ``quetzal`` somewhere, so that it is noticed wherever it turns
up. The store answers nothing and notes which sites it is asked about.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.passwords import hash_password
from portal.commands import SCOPES, hash_secret
from portal.limits import Limit
from portal.models import (
    AlertRule,
    ApiToken,
    ErasureRequest,
    Guest,
    LegalHold,
    Membership,
    OneTimeLink,
    PagePicture,
    Passkey,
    Recipient,
    Role,
    ShareLink,
    Site,
    SiteAnnotation,
    SiteFunnel,
    SiteGoal,
    SiteHost,
    SiteSegment,
    Team,
    Upload,
    User,
    UserSession,
)
from portal.teams.rights import GUEST_RIGHTS, RIGHTS, Right
from store.client import Store, StoreUnavailable
from tests.portal.access.slots import (
    CERTIFICATES,
    FOREIGN,
    HOSTS,
    IDS,
    LINKS,
    OPEN_HOST,
    OWN,
    SITES,
)
from tests.portal.conftest import NOW, PASSWORD, Person, Portal, new_portal
from tests.store.query.dataset import a_visit, store_traffic
from tests.support.pictures import MemoryPictures

CANARY = "quetzal"
OPEN_SITE = 13
NOBODY: frozenset[Right] = frozenset()
_FORM_TOKEN = re.compile(r'name="csrf_token"\s+value="([^"]+)"')
_SITE = re.compile(r"site_id = \{(\w+):UInt32\}")
_USE = {("user_sessions", "seen_at"), ("api_tokens", "last_used_at")}
_USE |= {("share_links", "views"), ("share_links", "last_viewed_at")}
"""Columns that only say that something was used."""


_CERTIFICATE = (
    '{"certificate": "x", "complete": true, "conditions": {}, "erased": "everything",'
    ' "public_key": "", "reason": "%s", "site": {"id": 1, "host": "x"}, "asked_at": "",'
    ' "asked_by": "", "carried_out_at": "", "tables": {}}'
)


@dataclass
class ListeningStore:
    """A store that is away, and remembers about which sites it was asked."""

    asked: set[int] = field(default_factory=set)
    cluster: str = ""
    unbound: list[str] = field(default_factory=list)

    def query(self, sql: str, params: Any = None, **_: Any) -> list[tuple[Any, ...]]:
        if "system.parts" in sql:
            return [(1, 1)]  # Whether anything has changed, which is of no site.
        names = _SITE.findall(sql)
        self.asked |= {int((params or {})[name]) for name in names}
        if not names:
            self.unbound.append(sql)
        raise StoreUnavailable("away")

    def ping(self) -> bool:
        return False


@dataclass(frozen=True)
class Caller:
    """Somebody, as the table of rights knows them.

    ``rights`` are those over the own site, ``beside`` those over the other site of the team, and
    ``in_team`` those over the team itself. ``own`` are numbers of what is this person's alone.
    """

    name: str
    cookie: str = ""
    form_token: str = ""
    bearer: str = ""
    htmx: bool = False
    signed_in: bool = False
    admin: bool = False
    rights: frozenset[Right] = NOBODY
    beside: frozenset[Right] = NOBODY
    in_team: frozenset[Right] = NOBODY
    scopes: tuple[str, ...] = ()
    own: dict[str, int | str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        found = {"Cookie": self.cookie} if self.cookie else {}
        if self.bearer:
            found["Authorization"] = f"Bearer {self.bearer}"
        if self.htmx:
            found |= {"HX-Request": "true", "HX-Current-URL": "http://localhost/sites"}
        return found


@dataclass
class World:
    """The portal, who calls it, and the state that every request begins with."""

    portal: Portal
    store: ListeningStore
    callers: dict[str, Caller]
    raw: sqlite3.Connection
    before: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))
    clean: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    seen_version: int = -1

    def freeze(self) -> None:
        """Take what there is now for the state to begin with."""
        self.raw.backup(self.before)
        self.clean = self.dump()
        self.seen_version = self.version()

    def version(self) -> int:
        return int(self.raw.execute("pragma data_version").fetchone()[0])

    def take_changes(self) -> list[str]:
        """Name the tables in which somebody changed something, and undo it."""
        if self.version() == self.seen_version:
            return []
        now = self.dump()
        changed = [name for name, rows in now.items() if rows != self.clean[name]]
        self.before.backup(self.raw)
        self.seen_version = self.version()
        return changed

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Read every table but the record of changes; what only tells of use is left out."""
        found = {}
        names = self.raw.execute("select name from sqlite_master where type = 'table'")
        for (name,) in names.fetchall():
            if name.startswith("sqlite_") or name in {"audit_entries", "alembic_version"}:
                continue
            columns = [row[1] for row in self.raw.execute(f"pragma table_info({name})")]
            kept = [f'"{column}"' for column in columns if (name, column) not in _USE]
            rows = self.raw.execute(f"select {', '.join(kept)} from {name} order by 1")
            found[name] = rows.fetchall()
        return found


def store_own_traffic(store: Store) -> None:
    """Give the own site two visits, once however often it is asked for."""
    google = {"source": "Google", "channel": "Organic Search", "country": "FR"}
    visits = [
        a_visit("UTC", "2026-11-10T09:00:00", None, **google).view("/").view("/a", 30),
        a_visit("UTC", "2026-11-09T11:00:00").view("/b").add("Signup", 3),
    ]
    events = [found for visit in visits for found in visit.events]
    store_traffic(store, SITES[OWN], events, "portal-access")


def build(database_url: str, numbers: Store | None = None) -> Iterator[World]:
    """Set everything up once; each request begins with the same state."""
    store = ListeningStore()
    portal = new_portal(database_url, numbers or store, **surroundings())
    # A walk invites the same people over and over.
    portal.surroundings.mail_by_email = portal.surroundings.mail_by_person = Limit(
        burst=1, per_hour=0
    )
    callers = settle(portal)
    raw = sqlite3.connect(portal.url.removeprefix("sqlite:///"), isolation_level=None)
    world = World(portal, store, callers, raw)
    world.freeze()
    yield world
    raw.close()
    portal.database.close()


def surroundings() -> dict[str, Any]:
    """Give what every portal of this world is started with."""
    options: dict[str, Any] = {"api_per_hour": 0, "open_signup": True}
    return options | {"send_mail": lambda _: None, "pictures": MemoryPictures().ways()}


def settle(portal: Portal) -> dict[str, Caller]:
    """Fill a portal with everything of both teams; give everybody who may come, by name."""
    with portal.database.writing() as session:
        _teams(session)
        for place in (OWN, FOREIGN):
            _things(session, place)
        _links(session)
    people = [
        *((role.value, {"role": role}) for role in Role),
        *((f"guest_{role.value}", {"guest": role}) for role in GUEST_RIGHTS),
        ("stranger", {}),
        ("administrator", {"admin": True}),
    ]
    callers = [
        *(_person(portal, 101 + i, name, **given) for i, (name, given) in enumerate(people)),
        *_strangers(portal),
        _ended(portal),
        _halfway(portal),
    ]
    return {caller.name: caller for caller in callers}


def _teams(session: Session) -> None:
    session.add(Team(id=IDS[OWN], name="Own team", created_at=NOW))
    session.add(Team(id=12, name="Second team", created_at=NOW))
    session.add(Team(id=IDS[FOREIGN], name=f"The {CANARY} team", created_at=NOW))
    session.flush()
    for number, email in ((11, "mate"), (13, "guest"), (14, "first")):
        session.add(_user(number, f"{email}@own.example"))
    session.add(_user(22, f"owner@{CANARY}.test"))
    session.flush()
    for user, team, role in ((11, 11, Role.VIEWER), (14, 11, Role.OWNER), (22, 22, Role.OWNER)):
        session.add(Membership(user_id=user, team_id=team, role=role))
    hosts = {11: "own.example", 12: "beside.example", OPEN_SITE: OPEN_HOST, 22: "foreign.example"}
    for number, host in hosts.items():
        session.add(
            Site(
                id=number,
                team_id=22 if number == SITES[FOREIGN] else 11,
                host=host,
                public_key=f"stk_{CANARY}_{number}" if number == 22 else f"stk_{number}",
                created_at=NOW,
                upstreams=["http://203.0.113.9"],
                public=number == OPEN_SITE,
                privacy_page=number == OPEN_SITE,
                hosts=[SiteHost(host=host)],
            )
        )
    session.flush()
    session.add(Guest(user_id=13, site_id=11, role=Role.VIEWER))


def _user(number: int, email: str, *, admin: bool = False) -> User:
    return User(
        id=number,
        email=email,
        password_hash=_HASHED,
        is_admin=admin,
        session_key=f"key-{number}",
        created_at=NOW,
    )


_HASHED = hash_password(PASSWORD)


def _things(session: Session, place: str) -> None:
    number, site = IDS[place], SITES[place]
    named = CANARY if place == FOREIGN else "own"
    at = {"site_id": site, "created_at": NOW}
    for goal in (number, number + 1, number + 2):  # The first is no step, so it can be deleted.
        session.add(SiteGoal(id=goal, name=f"{named} {goal}", kind="event", target=named, **at))
    steps = {"steps": [number + 1, number + 2], "between": "any", "within": "visit"}
    session.add(SiteFunnel(id=number, name=named, window_s=86400, **steps, **at))
    session.add(SiteSegment(id=number, name=named, filters=[["is", "visit:country", ["FR"]]], **at))
    session.add(SiteAnnotation(id=number, day=NOW.date(), text=named, **at))
    session.add(ShareLink(id=number, slug=f"by-id-{number}", name=named, sections=[], **at))
    session.add(
        OneTimeLink(
            id=number,
            kind="invite",
            token_hash=f"hash-{number}",
            email=f"invited@{named}.test",
            team_id=number,
            role=Role.VIEWER,
            created_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
    )
    session.add(
        LegalHold(id=number, site_id=site, reason=named, set_at=NOW, until=NOW, set_by=named)
    )
    session.add(
        ErasureRequest(
            key=CERTIFICATES[place],
            site_id=site,
            team_id=number,
            host=HOSTS[place],
            asked_by=f"owner@{named}.test",
            via="portal",
            asked_at=NOW,
            due_at=NOW,
            chosen={"path": f"/{named}"},
            statement=_CERTIFICATE % named,
            signature=named,
        )
    )
    at_site = {"id": number, "site_id": site, "created_at": NOW}
    to = {"kind": "email", "address": f"reports@{named}.test", "target_hash": named, "gets": []}
    session.add(Recipient(**at_site, **to))
    session.add(AlertRule(**at_site, kind="spike", threshold=10.0, goal=named, quiet_h=24))
    kept_until = {"asked_at": NOW, "taken_at": NOW, "expires_at": NOW + timedelta(days=90)}
    shot = {"address": f"https://{named}.test/", "nonce": named, "hides_words": False}
    by = {"asked_by": f"editor@{named}.test", "hosts": [], "path": "/"}
    session.add(PagePicture(id=number, site_id=site, page=f"/{named}", **kept_until, **shot, **by))
    session.add(
        Upload(
            **at_site, who=named, name=named, form="umami", size_bytes=1, place=named,
            state="checked",
        )
    )  # fmt: skip
    owner = 22 if place == FOREIGN else 14
    session.add(
        ApiToken(
            id=number, user_id=owner, site_id=site, token_hash=named, scopes=[], created_at=NOW
        )
    )
    session.add(
        UserSession(
            id=number, user_id=owner, key_hash=named, device=named, created_at=NOW, seen_at=NOW
        )
    )


def _links(session: Session) -> None:
    kept = {"name": "Press", "site_id": SITES[OWN], "created_at": NOW, "sections": ["sources"]}
    session.add(ShareLink(id=31, slug=LINKS[OWN], embed_origins=["https://blog.example"], **kept))
    session.add(ShareLink(id=32, slug=LINKS[FOREIGN], expires_at=NOW, **kept))
    for kind, user in (("invite", None), ("sign_up", None), ("reset", 11), ("confirm", 11)):
        session.add(
            OneTimeLink(
                kind=kind,
                token_hash=hash_secret(f"{kind}-token"),
                email=f"{kind}@own.example",
                user_id=user,
                team_id=IDS[OWN] if kind == "invite" else None,
                role=Role.VIEWER if kind == "invite" else None,
                created_at=NOW,
                expires_at=NOW + timedelta(hours=1),
            )
        )


def _person(
    portal: Portal,
    number: int,
    name: str,
    *,
    role: Role | None = None,
    guest: Role | None = None,
    admin: bool = False,
) -> Caller:
    email = f"{name}@people.example"
    with portal.database.writing() as session:
        session.add(_user(number, email, admin=admin))
        session.flush()
        if role is not None:
            session.add(Membership(user_id=number, team_id=IDS[OWN], role=role))
            session.add(Membership(user_id=number, team_id=12, role=role))
        if guest is not None:
            session.add(Guest(user_id=number, site_id=SITES[OWN], role=guest))
        kept = {"user_id": number, "created_at": NOW}
        session.add(ApiToken(id=number, site_id=11, token_hash=name, scopes=[], **kept))
        other = {"id": number * 1000, "key_hash": name, "device": "Other", "seen_at": NOW}
        session.add(UserSession(**other, **kept))
        session.add(_confirmation(number, name))
    held = RIGHTS[role] if role else NOBODY
    cookie, form_token = _signed_in(portal, email)
    with portal.database.writing() as session:  # Only now: who has one is asked for it.
        session.add(_passkey(number, name))
    return Caller(
        name,
        cookie=cookie,
        form_token=form_token,
        signed_in=True,
        admin=admin,
        rights=GUEST_RIGHTS[guest] if guest else held,
        beside=held,
        in_team=held,
        own={
            "token_id": number,
            "number": number * 1000,
            "passkey_id": number,
            "token": f"confirm-{name}",
        },
    )


def _confirmation(number: int, name: str) -> OneTimeLink:
    """A link with which this person alone confirms an address."""
    return OneTimeLink(
        kind="confirm",
        token_hash=hash_secret(f"confirm-{name}"),
        email=f"{name}@confirmed.example",
        user_id=number,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


def _passkey(number: int, name: str) -> Passkey:
    texts = {"credential_id": name, "public_key": "", "user_handle": name, "name": name}
    return Passkey(id=number, user_id=number, sign_count=0, transports=[], created_at=NOW, **texts)


def _signed_in(portal: Portal, email: str) -> tuple[str, str]:
    person = portal.somebody()
    assert person.sign_in(email).status_code == 302
    return _form_of(person, "/account")


def _form_of(person: Person, path: str) -> tuple[str, str]:
    """Get a page, and give the cookie and the form's token that go together."""
    found = _FORM_TOKEN.search(person.get(path).text)
    cookie = person.client.get_cookie("statflow")
    assert found is not None
    assert cookie is not None
    return f"statflow={cookie.value}", found.group(1)


def _strangers(portal: Portal) -> Iterator[Caller]:
    """Everybody who has no session: each got a form first, as any browser does."""
    cookie, form_token = _form_of(portal.somebody(), "/login")
    form = {"cookie": cookie, "form_token": form_token}
    yield Caller("anonymous", **form)
    yield Caller("anonymous_htmx", htmx=True, **form)
    yield Caller("reader_with_password", **{**form, "cookie": f"{cookie}; {_unlocked(portal)}"})
    yield Caller("token_of_nobody", bearer="sft_made-up", **form)
    every = tuple(SCOPES)
    rows = [(scope, (scope,), 14) for scope in every]
    rows += [("every_scope_of_a_viewer", every, 11), ("every_scope_of_a_guest", every, 13)]
    rights = {11: RIGHTS[Role.VIEWER], 13: GUEST_RIGHTS[Role.VIEWER], 14: RIGHTS[Role.OWNER]}
    for i, (name, scopes, user) in enumerate(rows):
        kept = {"user_id": user, "site_id": SITES[OWN], "created_at": NOW}
        hashed = hash_secret(f"sft_{name}")
        with portal.database.writing() as session:
            session.add(ApiToken(id=301 + i, token_hash=hashed, scopes=list(scopes), **kept))
        found = {"scopes": scopes, "rights": rights[user]}
        yield Caller(f"token_{name}", bearer=f"sft_{name}", **found, **form)


def _ended(portal: Portal) -> Caller:
    """An owner's cookie after they signed out on our side."""
    cookie, form_token = _signed_in(portal, "first@own.example")
    with portal.database.writing() as session:
        newest = max(row.id for row in session.query(UserSession).filter_by(user_id=14))
        session.delete(session.get_one(UserSession, newest))
    return Caller("ended_session", cookie=cookie, form_token=form_token)


def _halfway(portal: Portal) -> Caller:
    """An owner who has typed the password, and owes the second step."""
    person = portal.somebody()
    answer = person.sign_in(f"{Role.OWNER.value}@people.example")
    assert answer.headers["Location"].startswith("/login/second")
    cookie, form_token = _form_of(person, "/login/second")
    return Caller("half_signed_in", cookie=cookie, form_token=form_token)


def _unlocked(portal: Portal) -> str:
    """Give the password of a link, and take the cookie for it."""
    kept = {"site_id": SITES[OWN], "sections": ["sources"], "created_at": NOW}
    with portal.database.writing() as session:
        locked = {"slug": "slug-with-password", "password_hash": _HASHED}
        session.add(ShareLink(id=33, name="Locked", **locked, **kept))
    answer = portal.somebody().post("/share/slug-with-password", {"password": PASSWORD})
    assert answer.status_code == 302
    return answer.headers["Set-Cookie"].partition(";")[0]
