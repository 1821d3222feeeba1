"""What stands in an address or a body: one's own thing, somebody else's, or one that is not there.

``VALUES`` says it for each name that a route has in its address, ``BODIES`` what a form or a
question holds besides; a route whose name is in neither fails the walk. Ids are set by
``world.build``: everything of one's own is 11, of the team beside it 22, and 999 is nothing.
"""

from dataclasses import dataclass
from typing import Any

OWN, FOREIGN, MISSING = "own", "foreign", "missing"
BESIDE = "beside"
"""Another site of one's own team: a guest's and a token's site is not that one."""

IDS = {OWN: 11, FOREIGN: 22, MISSING: 999}
SITES = {OWN: 11, BESIDE: 12, FOREIGN: 22, MISSING: 999}
HOSTS = {
    OWN: "own.example",
    BESIDE: "beside.example",
    FOREIGN: "foreign.example",
    MISSING: "nowhere.example",
}
OPEN_HOST = "open.example"
PUBLIC_HOSTS = {OWN: OPEN_HOST, FOREIGN: "own.example", MISSING: "nowhere.example"}
"""Of the addresses of public dashboards: one that is, one that is not, and none."""
LINKS = {OWN: "slug-of-own", FOREIGN: "slug-that-ended", MISSING: "slug-of-nobody"}
"""A link is whoever's that has it, so the foreign one is one that no longer opens."""

CERTIFICATES = {OWN: "own-certificate", FOREIGN: "foreign-certificate", MISSING: "none"}

MINE = "mine"
"""What belongs to the caller alone; ``Caller.own`` has its number."""
FOREIGN_EMAIL = "owner@quetzal.test"

type Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a body that holds a thing, as ``VALUES`` lists it."""

    name: str


def same(value: Any) -> Values:
    """Give a value that is nobody's in particular."""
    return {OWN: value}


VALUES: dict[str, Values] = {
    "host": HOSTS,
    "site": HOSTS,
    "team_id": IDS,
    "team": IDS,
    "user_id": IDS,
    "site_id": SITES,
    "link_id": IDS,
    "row_id": IDS,
    "segment_id": IDS,
    "slug": LINKS,
    "name": same("sources"),
    "tab_name": same("sources"),
    "theme": same("dark"),
    "background": same("page"),
    "part": same("all"),
    "filename": same("css/base.css"),
    "number": IDS,
    "picture_id": IDS,
    "alert_id": IDS,
    "import_name": same("0123456789abcdef"),
    "recipient_id": IDS,
    "passkey_id": IDS | {OWN: MINE},
    "key": CERTIFICATES,
    "email": {OWN: "guest@own.example", FOREIGN: FOREIGN_EMAIL, MISSING: "nobody@no.example"},
}
"""By the name in the address."""

OF_ROUTE: dict[tuple[str, str], Values] = {
    ("teams.remove_guest", "user_id"): {OWN: 13, FOREIGN: 22, MISSING: 999},
    ("teams.guest_role", "user_id"): {OWN: 13, FOREIGN: 22, MISSING: 999},
    ("account.end", "number"): IDS | {OWN: MINE},
    ("tokens.end", "token_id"): IDS | {OWN: MINE},
    ("sharing.background", "name"): same("ff0000"),
    ("joining.invitation", "token"): {OWN: "invite-token", MISSING: "no-token"},
    ("joining.finish_signup", "token"): {OWN: "sign_up-token", MISSING: "no-token"},
    ("forgotten.reset", "token"): {OWN: "reset-token", MISSING: "no-token"},
    ("api_people.change_guest", "row_id"): {OWN: 13, FOREIGN: 22, MISSING: 999},
    ("api_people.end_guest", "row_id"): {OWN: 13, FOREIGN: 22, MISSING: 999},
    ("leaving.ask", "token"): same("no-token"),
    ("leaving.end", "token"): same("no-token"),
    ("forgotten.confirm", "token"): {OWN: MINE, FOREIGN: "confirm-token", MISSING: "no-token"},
    ("privacy.page", "host"): PUBLIC_HOSTS,
}
"""Where a route means something else by a name."""

PASSWORD = "seven lamps over 3 harbours"
_QUESTION = {"site_id": Slot("site"), "metrics": ["visitors"], "date_range": "7d"}
_ABOUT_A_SITE = {"site_id": Slot("site"), "date_range": "7d"}
BODIES: dict[str, dict[str, Any]] = {
    "accounts.login": {"email": "nobody@own.example", "password": PASSWORD},
    "accounts.theme": {"theme": "dark", "next": "/"},
    "account.end": {},
    "account.language": {"language": "fr"},
    "forgotten.reset": {"password": PASSWORD},
    "joining.invitation": {"password": PASSWORD},
    "joining.finish_signup": {"password": PASSWORD},
    "tokens.page": {
        "name": "T",
        "host": Slot("host"),
        "scopes": ["stats:read"],
        "expires_on": "2026-12-24",
    },
    "teams.index": {"name": "A new team"},
    "teams.invitations": {"email": "new@own.example", "role": "viewer", "place": Slot("site_id")},
    "teams.role": {"role": "editor"},
    "teams.guest_role": {"role": "editor"},
    "teams.rename": {"name": "Renamed"},
    "teams.delete": {"name": "Own team"},
    "teams.move": {"team": Slot("team")},
    "sites.new": {"host": "new.example", "upstream": "http://203.0.113.5", "timezone": "UTC"},
    "sites.settings": {
        "upstreams": "http://203.0.113.5",
        "timezone": "UTC",
        "mode": "on",
        "aliases": "",
    },
    "pictures.add": {"page": "/", "address": "https://own.example/"},
    "sites.injection": {"state": "on", "back": "own.example"},
    "sites.delete": {"name": "own.example"},
    "data.erase": {"path": "/x", "confirm": Slot("host")},
    "data.download": {"raw-form": "ndjson"},
    "data.hold": {"until": "2026-12-24", "reason": "A claim"},
    "privacy.settings": {"privacy_contact": "Own Ltd"},
    "imports.add": {"form": "umami"},
    "imports.remove": {"typed": "own.example"},
    "rules.change": {"act": "text", "text": "[]", "seen": "4f53cda18c2baa0c"},
    "sharing_settings.add": {"name": "Press", "segment_id": Slot("segment_id")},
    "sharing_settings.change": {"name": "Press", "segment_id": Slot("segment_id")},
    "api.query": _QUESTION,
    "api.funnel": {"site_id": Slot("site"), "funnel": Slot("row_id"), "date_range": "7d"},
    "api.journeys": {"site_id": Slot("site"), "date_range": "7d"},
    "api.retention": {"site_id": Slot("site"), "date_range": "7d"},
    "api_sites.new_token": {"scopes": ["sites:write"]},
    "api_older_sites.add": {"domain": "new.example", "timezone": "UTC"},
    "api_older_sites.rename": {"domain": "new.example"},
    "api_older_sites.shared_link": {"site_id": Slot("site"), "name": "Press"},
    "api_older_sites.add_goal": {
        "site_id": Slot("site"),
        "goal_type": "event",
        "event_name": "Signup",
    },
    "api_older_sites.end_goal": {"site_id": Slot("site")},
    "api_older_sites.add_guest": {
        "site_id": Slot("site"),
        "email": "new@own.example",
        "role": "viewer",
    },
    "api_manage.new_site": {"host": "new.example", "upstream": "http://203.0.113.5"},
    "api_manage.change_settings": {"timezone": "UTC"},
    "api_manage.publish": {"public": True},
    "api_sites.say_property": {"name": "plan", "label": "Plan"},
    "api_manage.add_link": {"name": "Press"},
    "api_manage.replace_link": {"name": "Press"},
    "api_people.change_member": {"role": "editor"},
    "api_people.change_guest": {"role": "editor"},
    "api_people.add_invitation": {"email": "new@own.example", "role": "viewer"},
    **{f"api.{name}": _ABOUT_A_SITE for name in ("clicks", "errors", "forms", "scroll", "vitals")},
}
"""What is sent, by endpoint; a route without a row is sent an empty form."""

QUERIES: dict[str, dict[str, Any]] = (
    {
        f"api_older.{name}": {"site_id": Slot("site"), "property": "event:page"}
        for name in ("realtime", "aggregate", "timeseries", "breakdown")
    }
    | {f"api_older_sites.{name}": {"site_id": Slot("site")} for name in ("goals", "guests")}
    | {"accounts.setup": {"token": "no-token"}}
)
"""What stands behind the question mark."""

KEPT_BODIES: dict[str, dict[str, Any]] = {
    "goals": {"name": "Signup", "kind": "event", "target": "Signup"},
    "funnels": {"name": "F", "steps": [12, 13]},
    "segments": {"name": "S", "filters": [["is", "visit:country", ["FR"]]]},
    "annotations": {"day": "2026-11-01", "text": "Started"},
}
"""What a site keeps, one of each kind, as the API takes it."""

FOR_ONE_ADDRESS = frozenset({"joining.invitation"})
"""Links that somebody who is signed in under another address cannot use."""

OFF_HERE = frozenset(
    {
        *("sso.start", "sso.answer", "sso.sign_out", "sso.unlink", "design.gallery"),
        *("messages.add", "messages.test", "leaving.ask", "leaving.end"),
    }
)
"""What this portal has switched off: single sign-on, reports, the gallery. Nothing is there."""

ROWS_OF_ALL = frozenset({"segments.change", "segments.delete", "notes.change", "notes.delete"})
"""Where whoever sees the site changes what is theirs; row 11 is the whole site's."""
