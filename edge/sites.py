"""Host → Site: which sites the edge serves, and how.

The portal publishes the whole snapshot; every edge keeps it in a file and serves from that file
(``edge.sites_feed`` does the I/O). This module only holds values: the snapshot's schema, its
checks, and the look-up by host. The one invariant: a snapshot is taken whole or refused whole, so
the last good one never expires and no site is ever half-configured.

The schema is documented in ``docs/sites.md``; operators without a portal write the file by hand.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit
from zlib import crc32
from zoneinfo import ZoneInfo

import orjson

from rules.loader import parse_rules
from rules.model import Rule
from rules.policy import Policy, policy_of

SCHEMA = 1
SHARDS = 64
"""Logical shards; fixed for an installation. A site always lives in one."""

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]{2,45}\]")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]{1,64}){1,4}")


class SnapshotError(ValueError):
    """The snapshot cannot be used; the message says where and what was expected."""


class Mode(StrEnum):
    """What the edge does to a site's pages."""

    OFF = "off"
    SHADOW = "shadow"
    CANARY = "canary"
    ON = "on"


class Https(StrEnum):
    """What a site answers to a browser that came without TLS."""

    OFF = "off"
    REDIRECT = "redirect"
    REDIRECT_HSTS = "redirect+hsts"


class CspMode(StrEnum):
    """How the injector treats a Content-Security-Policy that would block the tag."""

    REUSE = "reuse"
    AMEND = "amend"
    OFF = "off"


class ClientIpSource(StrEnum):
    """Where a client's address is read when the peer is a trusted proxy."""

    PEER = "peer"
    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"
    CF_CONNECTING_IP = "cf-connecting-ip"
    TRUE_CLIENT_IP = "true-client-ip"


class Measure(StrEnum):
    """What a site's page views are counted by.

    ``TRACKER``: the script alone. ``HYBRID``: the script, and beside its numbers those views of
    people that the edge served and the script did not report. ``EDGE``: no script; each document
    served to a person is a page view.
    """

    TRACKER = "tracker"
    HYBRID = "hybrid"
    EDGE = "edge"


class SaltPeriod(StrEnum):
    """For how long a visitor is known again; each period has a salt of its own."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Module(StrEnum):
    """A part of the tracker that a site may switch on; the value names its file."""

    CLICKS = "clicks"
    SCROLL = "scroll"
    VITALS = "vitals"
    ERRORS = "errors"
    FORMS = "forms"


@dataclass(frozen=True, slots=True)
class Origin:
    """One upstream of a site: where its pages come from."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``http://host[:port]`` or ``https://host[:port]``.

        Raises:
            ValueError: Another scheme, a path, or no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"upstream {url!r}: expected http://HOST[:PORT] or https://HOST[:PORT]"
            )
        if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
            raise ValueError(f"upstream {url!r}: expected no path, query or credentials")
        return cls(
            parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        )

    def __str__(self) -> str:
        """Write the origin as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FormerNames:
    """What a site's own addresses were called before a change; they answer until ``until_s``.

    Units: ``until_s`` Unix seconds.
    """

    prefix: str
    script_name: str
    quiet_seed: str
    until_s: int


@dataclass(frozen=True, slots=True)
class Site:
    """One customer site, as every front and the collector see it."""

    id: int
    host: str
    origins: tuple[Origin, ...]
    """Where the pages come from; none: no page is served, and only events are taken."""
    public_key: str
    timezone: str = "UTC"
    aliases: tuple[str, ...] = ()
    prefix: str = "/sf"
    mode: Mode = Mode.ON
    hash_routes: bool = False
    count_downloads: bool = True
    count_forms: bool = True
    respect_dnt: bool = True
    csp: CspMode = CspMode.AMEND
    client_ip: ClientIpSource = ClientIpSource.X_FORWARDED_FOR
    kept_params: tuple[str, ...] = ()
    currency: str = "EUR"
    max_body_bytes: int = 0
    debug: bool = False
    debug_key: str = ""
    upstream_host: str = ""
    canary_percent: int = 10
    """Share of pages, or of visitors, that get the tag in ``Mode.CANARY``; 0 to 100."""
    https: Https = Https.OFF
    canonical_host: str = ""
    """One of ``hosts`` that page requests for the others are redirected to; empty: none."""
    maintenance: bool = False
    script_name: str = ""
    """Name of the script under the prefix, without ``.js``; empty: the hash of its bytes."""
    quiet_seed: str = ""
    """Secret that the rotating names of quiet mode come from; empty: no quiet mode."""
    former_names: tuple[FormerNames, ...] = ()
    """What pages in caches may still ask for, the latest first: it goes before earlier ones."""
    salt_period: SaltPeriod = SaltPeriod.DAY
    hits: bool = True
    """Whether a row is kept of every document served."""
    measure: Measure = Measure.TRACKER
    load_key: str = ""
    """Secret that load ids are made with; empty: documents get none, and nothing is confirmed."""
    cnil: bool = False
    """The strictest of each choice: a day's salt, no region or city, of referrers the host."""
    city_k: int = 0
    """Visitors of a day that must share a city before it is kept; 0: as the edge is set."""
    rules: tuple[Rule, ...] = ()
    write_tokens: tuple[str, ...] = ()
    """SHA-256 in hex of the tokens with which a server may send events for its visitors."""
    modules: tuple[Module, ...] = ()
    """Parts of the tracker that pages load besides its core."""
    guarded: tuple[Origin, ...] = ()
    """Those of ``origins`` that must be public: somebody of a team typed them, not the operator."""
    snippet_origin: str = ""
    """Set where the script comes from the edge's own host (``edge.snippet``); not published."""
    policy: Policy = field(init=False, compare=False, repr=False)
    """``rules``, compiled."""
    zone: ZoneInfo = field(init=False, compare=False, repr=False)
    bare_hosts: frozenset[str] = field(init=False, compare=False, repr=False)
    """``hosts`` without a ``www.`` before them."""

    def __post_init__(self) -> None:
        """Resolve once what is asked for at every event."""
        if self.canonical_host and self.canonical_host not in self.hosts:
            raise SnapshotError(f"canonical_host {self.canonical_host!r} is no name of the site")
        if self.cnil:
            object.__setattr__(self, "salt_period", SaltPeriod.DAY)
        object.__setattr__(self, "zone", ZoneInfo(self.timezone))
        object.__setattr__(self, "policy", policy_of(self.rules))
        bare = frozenset(host.removeprefix("www.") for host in self.hosts)
        object.__setattr__(self, "bare_hosts", bare)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name the site answers to, the canonical one first."""
        return (self.host, *self.aliases)

    @property
    def notes_documents(self) -> bool:
        """Whether anybody wants to hear of the documents that are served."""
        return self.hits or self.measure is Measure.EDGE

    @property
    def shard(self) -> int:
        """The logical shard that holds all of the site's events (INGESTION 2.3)."""
        return shard_of(self.id)


@lru_cache(maxsize=65_536)
def shard_of(site_id: int) -> int:
    """Map a site to its shard: CRC-32 of the id's decimal form, modulo 64."""
    return crc32(str(site_id).encode()) % SHARDS


def normal_host(authority: str) -> str:
    """Reduce an authority to the form hosts are compared in: no port, lower case, no final dot."""
    name = authority.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0].rstrip(".")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All sites at one moment; ``number`` grows with every publication."""

    number: int
    sites: tuple[Site, ...]
    injection: bool = True
    """False: the kill switch is thrown; no page of any site is touched."""
    default_host: str = ""
    """Host of the site that answers for unknown names; by the operator's choice only."""
    passed_over: tuple[str, ...] = ()
    """Fields of a newer release that this one does not know and goes without, in order."""
    by_host: dict[str, Site] = field(init=False, compare=False, repr=False)
    by_id: dict[int, Site] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Index by host and id; refuse a host that two sites claim."""
        by_host: dict[str, Site] = {}
        for site in self.sites:
            for host in site.hosts:
                if by_host.setdefault(host, site) is not site:
                    raise SnapshotError(f"host {host!r} belongs to two sites")
        object.__setattr__(self, "by_host", by_host)
        object.__setattr__(self, "by_id", {site.id: site for site in self.sites})
        if len(self.by_id) != len(self.sites):
            raise SnapshotError("two sites have the same id")

    def find(self, authority: str) -> Site | None:
        """Find the site of a Host header or :authority, or None."""
        found = self.by_host.get(normal_host(authority))
        return found or self.by_host.get(self.default_host)


EMPTY = Snapshot(0, ())


def parse_snapshot(raw: bytes) -> Snapshot:
    """Read and check a whole snapshot.

    One that a portal published names its ``release``. It may be newer than this one, so fields of
    sites that are not known here are passed over; in a file written by hand they are a mistake.

    Raises:
        SnapshotError: Anything at all is wrong; the message names the site and the field.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise SnapshotError(f"not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise SnapshotError(f"expected an object with schema {SCHEMA}")
    number, sites = document.get("number"), document.get("sites")
    if not isinstance(number, int) or number < 0 or not isinstance(sites, list):
        raise SnapshotError("expected a non-negative number and a list of sites")
    injection = document.get("injection", True)
    if not isinstance(injection, bool):
        raise SnapshotError("injection: expected true or false")
    passed_over: set[str] = set()
    if isinstance(document.get("release"), str):
        sites = [_known_fields(site, passed_over) for site in sites]
    parsed = tuple(parse_site(site, i) for i, site in enumerate(sites))
    return Snapshot(number, parsed, injection, passed_over=tuple(sorted(passed_over)))


def _known_fields(raw: Any, passed_over: set[str]) -> Any:
    if not isinstance(raw, dict):
        return raw
    passed_over.update(raw.keys() - FIELDS.keys())
    return {name: value for name, value in raw.items() if name in FIELDS}


def parse_site(raw: Any, index: int = 0) -> Site:
    """Check one site of a snapshot.

    Raises:
        SnapshotError: A field is missing, unknown or of the wrong form.
    """
    if not isinstance(raw, dict):
        raise SnapshotError(f"site {index}: expected an object")
    where = f"site {raw.get('host', index)!r}"
    unknown = raw.keys() - FIELDS.keys()
    if unknown:
        raise SnapshotError(f"{where}: unknown field {min(unknown)!r}")
    missing = {"id", "host", "upstreams", "public_key"} - raw.keys()
    if missing:
        raise SnapshotError(f"{where}: missing field {min(missing)!r}")
    values: dict[str, Any] = {}
    for key, value in raw.items():
        name, read = FIELDS[key]
        try:
            values[name] = read(value)
        except (ValueError, TypeError, KeyError) as error:
            raise SnapshotError(f"{where}: {key}: {error}") from None
    try:
        return Site(**values)
    except SnapshotError as error:
        raise SnapshotError(f"{where}: {error}") from None
    except (ValueError, KeyError, OSError) as error:
        raise SnapshotError(f"{where}: timezone: {error}") from None


def render_snapshot(
    number: int, sites: list[dict[str, Any]], *, injection: bool = True, release: str = ""
) -> bytes:
    """Write a snapshot document; ``sites`` are plain objects of the documented schema.

    ``release`` is that of who publishes it, for edges of an older one.

    Raises:
        SnapshotError: The document would be refused by an edge of this release.
    """
    document = {"schema": SCHEMA, "number": number, "injection": injection, "sites": sites}
    raw = orjson.dumps(document)
    parse_snapshot(raw)
    return orjson.dumps({"release": release, **document}) if release else raw


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a string")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("expected a non-negative whole number")
    return value


def _percent(value: Any) -> int:
    if not 0 <= _count(value) <= 100:  # noqa: PLR2004 - a percentage.
        raise ValueError("expected 0 to 100")
    return int(value)


def _script_name(value: Any) -> str:
    if _text(value) and not _SCRIPT_NAME.fullmatch(value):
        raise ValueError(f"{value!r}: expected up to 64 letters, digits, - and _, without .js")
    return str(value)


def _host(value: Any) -> str:
    host = normal_host(_text(value))
    if not _HOST.fullmatch(host):
        raise ValueError(f"{value!r} is not a host name")
    return host


def _prefix(value: Any) -> str:
    if not _PREFIX.fullmatch(_text(value)):
        raise ValueError(f"{value!r}: expected a path such as /sf")
    return str(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return value


def _digest(value: Any) -> str:
    if not _DIGEST.fullmatch(_text(value)):
        raise ValueError("expected SHA-256 in hexadecimal digits")
    return str(value)


def _former(value: Any) -> FormerNames:
    if not isinstance(value, dict) or value.keys() != _FORMER.keys():
        raise ValueError(f"expected objects of {', '.join(_FORMER)}")
    return FormerNames(**{name: read(value[name]) for name, read in _FORMER.items()})


def _origins(value: Any) -> tuple[Origin, ...]:
    return tuple(Origin.parse(_text(url)) for url in _list(value))


_FORMER: dict[str, Any] = {
    "prefix": _prefix,
    "script_name": _script_name,
    "quiet_seed": _text,
    "until_s": _count,
}

FIELDS: dict[str, tuple[str, Any]] = {
    "id": ("id", _count),
    "host": ("host", _host),
    "aliases": ("aliases", lambda v: tuple(_host(host) for host in _list(v))),
    "upstreams": ("origins", _origins),
    "public_key": ("public_key", _text),
    "timezone": ("timezone", _text),
    "prefix": ("prefix", _prefix),
    "mode": ("mode", Mode),
    "hash_routes": ("hash_routes", _flag),
    "count_downloads": ("count_downloads", _flag),
    "count_forms": ("count_forms", _flag),
    "respect_dnt": ("respect_dnt", _flag),
    "csp": ("csp", CspMode),
    "client_ip": ("client_ip", ClientIpSource),
    "kept_params": ("kept_params", lambda v: tuple(_text(name) for name in _list(v))),
    "currency": ("currency", _text),
    "max_body_bytes": ("max_body_bytes", _count),
    "debug": ("debug", _flag),
    "debug_key": ("debug_key", _text),
    "upstream_host": ("upstream_host", _text),
    "canary_percent": ("canary_percent", _percent),
    "https": ("https", Https),
    "canonical_host": ("canonical_host", lambda v: _host(v) if v else ""),
    "maintenance": ("maintenance", _flag),
    "script_name": ("script_name", _script_name),
    "quiet_seed": ("quiet_seed", _text),
    "salt_period": ("salt_period", SaltPeriod),
    "hits": ("hits", _flag),
    "measure": ("measure", Measure),
    "load_key": ("load_key", _text),
    "cnil": ("cnil", _flag),
    "city_k": ("city_k", _count),
    "rules": ("rules", parse_rules),
    "write_tokens": ("write_tokens", lambda v: tuple(_digest(token) for token in _list(v))),
    "modules": ("modules", lambda v: tuple(Module(name) for name in _list(v))),
    "guarded_upstreams": ("guarded", _origins),
    "former_names": ("former_names", lambda v: tuple(_former(names) for names in _list(v))),
}
"""Field in the snapshot → attribute of Site and the reader that checks it."""
