"""What the portal is given by whoever composes it, and where views find it again.

Reading settings from the environment is ``statflow.settings``' work. The one invariant: everything
outside (store, edges, clock) comes in through ``PortalConfig``.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app

from portal.accounts.oidc import Provider, SingleSignOn
from portal.admin.operations import Operations
from portal.audit.actors import acting
from portal.background import Background
from portal.data.requests import Chosen
from portal.database import Database
from portal.limits import Limit, TakeShared, nobody_shares
from portal.live.stream import Seats
from portal.mail import SendMail
from portal.messages.ways import Ways
from portal.pictures.ways import Pictures
from portal.sites.payload import Publication
from portal.sites.verification import Check
from store.client import Store
from store.query.remembered import FRESH_S, Answers, Remembering

_KEY = "statflow"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _explain_nothing(_site: dict[str, Any], _question: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("This portal was started without what an edge knows.")


def _look_at_nothing(_site: dict[str, Any], _injection: bool, _all: bool) -> list[Check]:
    raise ValueError("This portal was started without what an edge knows.")


def _count_nothing(_site: int, _zone: str, _chosen: Chosen, _now: datetime) -> dict[str, int]:
    raise ValueError("This portal was started without what a writer knows.")


type Pieces = Generator[bytes, None, None]


def _download_nothing(_site: int, _zone: str, _chosen: Chosen, _form: str) -> Pieces:
    raise ValueError("This portal was started without what reads raw events.")


type Collect = Callable[
    [str, str, list[tuple[str, str]], bytes, str], tuple[int, list[tuple[str, str]], bytes]
]
"""Method, path, headers, body, peer's address → status, headers, body."""


def no_collector(*_: object) -> tuple[int, list[tuple[str, str]], bytes]:
    """Answer for a portal that knows no collector."""
    return 503, [("Retry-After", "60")], b""


@dataclass(frozen=True, slots=True)
class Script:
    """A way in which a site's pages get the tracker, and the integrity of what is served there."""

    what: str
    src: str
    integrity: str


@dataclass(frozen=True, kw_only=True)
class PortalConfig:
    """The portal's surroundings.

    ``publish`` sends the whole list of sites to the edges and may raise; ``edge_health`` gives what
    each edge process said last of each site, and may raise; ``edge_reasons`` are the meanings of
    the edges' reasons for leaving a page alone; ``account`` gives what became of a site's events,
    and may raise; ``drop_reasons`` are the meanings of why one was not kept; ``explain`` tells what
    the edge would do to one request of a site that is given as the snapshot's object, and raises
    ValueError with a sentence for people; ``collect`` passes what other trackers send to a
    collector and gives its answer, and does not raise; ``scripts`` lists the scripts of a site,
    given as the snapshot's object; ``count_chosen`` counts by table what would be erased of a site,
    and may raise; ``download`` gives raw events of a site as pieces of a file, likewise; ``verify``
    looks at a site, given likewise with whether pages may be touched at all and whether to tell
    what answers in the operator's network, and says what is wrong; ``operations`` tell
    administrators of the parts; ``client_address`` finds who asks, of who connects and what
    ``X-Forwarded-For`` says; ``tries`` takes one of a bucket that all portals share; ``public_url``
    is where browsers reach the portal (https makes cookies secure); ``edge_url`` is shown to
    people; ``send_mail`` sends one message and does not raise, without it links are shown to who
    asks; ``open_signup`` lets anybody make an account, which needs mail; ``upstream_problem`` says
    in a sentence why only the operator may point a site at an upstream, ``own_hosts`` are names
    that no site may have, and ``trusted_hosts`` those under which the portal is asked for (none:
    any); ``live_streams`` are the most live pages that are fed at once, each of which holds a
    thread of the server, ``live_every_s`` the seconds between two pieces; ``downloads`` are the
    most files of raw events that are given at once, each of which holds a thread as well;
    ``answers_fresh_s`` is how old an answer may be that is remembered; ``uploads`` is the folder
    for files to import, of ``upload_bytes`` at most; ``gallery`` opens the page of components;
    ``sso`` is the provider of single sign-on; ``ways`` sends reports and alerts, without it nothing
    is sent; ``pictures`` are taken by the edges, without it there are none; ``read_only`` refuses
    every change, for a portal beside a replica of the accounts database.
    """

    database_url: str
    secret_key: str = field(repr=False)
    store: Store
    publish: Callable[[Publication], None]
    edge_health: Callable[[], list[dict[str, Any]]] = list
    edge_reasons: Mapping[str, str] = field(default_factory=dict)
    account: Callable[[int], dict[str, Any]] = lambda _: {}
    drop_reasons: Mapping[str, str] = field(default_factory=dict)
    explain: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] = _explain_nothing
    collect: Collect = no_collector
    scripts: Callable[[dict[str, Any]], list[Script]] = lambda _: []
    verify: Callable[[dict[str, Any], bool, bool], list[Check]] = _look_at_nothing
    operations: Operations = field(default_factory=Operations)
    client_address: Callable[[str, str], str] = lambda peer, _: peer
    tries: TakeShared = nobody_shares
    count_chosen: Callable[[int, str, Chosen, datetime], dict[str, int]] = _count_nothing
    download: Callable[[int, str, Chosen, str], Pieces] = _download_nothing
    public_url: str = ""
    edge_url: str = ""
    send_mail: SendMail | None = None
    open_signup: bool = False
    upstream_problem: Callable[[str], str] = lambda _: ""
    own_hosts: frozenset[str] = frozenset()
    trusted_hosts: tuple[str, ...] = ()
    sso: SingleSignOn | None = None
    ways: Ways | None = None
    pictures: Pictures | None = None
    api_per_hour: int = 600
    live_streams: int = 3
    live_every_s: float = 4.0
    downloads: int = 2
    answers_fresh_s: float = FRESH_S
    uploads: Path | None = None
    upload_bytes: int = 0
    gallery: bool = False
    read_only: bool = False
    now: Callable[[], datetime] = _utc_now

    @property
    def only_sso(self) -> bool:
        """Whether passwords are off."""
        return self.sso is not None and self.sso.only


class Surroundings:
    """The configuration and what was opened from it, one an application."""

    def __init__(self, config: PortalConfig) -> None:
        self.config = config
        self.database = Database(
            config.database_url, acting, config.now, read_only=config.read_only
        )
        self.provider = Provider(config.sso) if config.sso is not None else None
        self.login_by_email = self._limit("login", burst=8, per_hour=60)
        self.login_by_device = self._limit("login at a device", burst=8, per_hour=60)
        self.login_by_network = Limit(burst=60, per_hour=3600)
        self.code_by_email = self._limit("code", burst=5, per_hour=20)
        self.code_by_device = self._limit("code at a device", burst=5, per_hour=20)
        self.mail_by_email = self._limit("mail", burst=3, per_hour=3)
        self.mail_by_network = Limit(burst=20, per_hour=20)
        self.mail_by_person = self._limit("mail of a person", burst=50, per_hour=50)
        self.background = Background()
        self.answers = Answers(fresh_s=config.answers_fresh_s)
        self.live_seats = Seats(config.live_streams)
        self.download_seats = Seats(config.downloads)
        self.verify_limit = self._limit("verify", burst=10, per_hour=60)
        self.test_messages = self._limit("test", burst=5, per_hour=30)
        self.link_tries = self._limit("link", burst=20, per_hour=120)
        most = config.api_per_hour
        self.api_limit = self._limit("api", burst=most, per_hour=most)

    def _limit(self, name: str, *, burst: int, per_hour: float) -> Limit:
        """Make a limit that all portals share."""
        return Limit(burst=burst, per_hour=per_hour, name=name, shared=self.config.tries)

    @property
    def store(self) -> Store:
        """The store of numbers."""
        return self.config.store

    def questions(self) -> Remembering:
        """Give one request the store to ask, which may know the answer already."""
        return Remembering(self.store, self.answers)

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self.config.now()


def install(app: Flask, config: PortalConfig) -> Surroundings:
    """Hang the surroundings on an application."""
    surroundings = Surroundings(config)
    app.extensions[_KEY] = surroundings
    return surroundings


def here() -> Surroundings:
    """Find the surroundings of the application that serves this request."""
    return cast("Surroundings", current_app.extensions[_KEY])
