"""Decide where a request goes: answered at once, by an endpoint of ours, or on to an origin.

Front-neutral and pure but for the current snapshot and ACME's files: every Python front parses a
request its own way, asks here, and carries out the answer. Parsing is ``edge.wire.head`` or the
front's library; the page's part is ``edge.fronts.page``. The one invariant: a request whose path
is ours never reaches an origin, and one whose host is nobody's reaches nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple, Protocol

from edge.collector.client_ip import Networks, client_address, unmapped
from edge.collector.endpoints import MAX_BODY_BYTES
from edge.event import Address
from edge.fronts import acme
from edge.fronts.failures import note_failure
from edge.fronts.operating import DEFAULT, Operating
from edge.pictures.ticket import Ticket
from edge.sites import Https, Mode, Origin, Site, Snapshot, normal_host
from edge.wire.authority import resolve_authority, with_host
from edge.wire.cookies import OPT_OUT, has_opt_out, joined_crumbs, without_opt_out
from edge.wire.fields import Field, Fields, values_of
from edge.wire.forwarded import claims, is_secure, seen_by_us, with_forwarded
from edge.wire.hop import end_to_end_request, is_websocket
from edge.wire.hsts import HSTS
from edge.wire.refusal import (
    MAINTENANCE,
    TOO_LARGE,
    UNKNOWN_HOST,
    Challenge,
    Prepared,
    Redirect,
    Refusal,
)

_READS = frozenset({b"GET", b"HEAD"})
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_EXPECT = frozenset({b"expect"})
_OF_STRANGERS = _EXPECT | claims(trusted=False)


class Incoming(NamedTuple):
    """A request's head as a front read it; ``target`` in origin-form, ``peer`` the TCP peer."""

    method: bytes
    target: bytes
    named: bytes
    """The authority of an absolute-form target or ``:authority``, else empty."""
    headers: Fields
    peer: Address
    tls: bool
    binary: bool = False
    """HTTP/2 or 3."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where and as whom to connect; ``site_id`` only labels what is counted.

    A ``guarded`` one was typed by somebody of a team and must be public, by
    ``edge.upstream_ranges``; it never shares a connection with one that need not be.
    """

    host: str
    port: int
    tls: bool
    sni: str
    site_id: int = field(default=0, compare=False)
    guarded: bool = False


class Own(NamedTuple):
    """A request that an endpoint of ours answers."""

    site: Site
    path: str
    query: str
    address: Address
    secure: bool
    too_large: bool


class Forward(NamedTuple):
    """A request for the site's origin, with the fields to send; the page's part comes after."""

    site: Site
    headers: list[Field]
    target: bytes
    """What the origin is asked for."""
    origin: str
    """Scheme and authority as the browser sees them."""
    upstreams: tuple[Upstream, ...]
    upgrades: bool
    address: Address | None = None
    """The visitor's, where a canary or a hit asks for it."""
    opted_out: bool = False
    """Whether the request bears the opt-out cookie, which the origin is not sent."""
    ticket: Ticket | None = None
    """Leave to take a picture of the page that is asked for."""


class Owner(Protocol):
    """Knows which paths of a site are ours."""

    def owns(self, site: Site, path: str) -> bool:
        """Tell whether a raw path is ours to answer."""


class Reception:
    """Route requests by the snapshot of the moment."""

    def __init__(
        self,
        sites: Callable[[], Snapshot],
        endpoints: Owner,
        trusted: Networks,
        operating: Operating = DEFAULT,
    ) -> None:
        self._sites = sites
        self._endpoints = endpoints
        self._trusted = trusted
        self._operating = operating
        self._upstreams: dict[int, tuple[Site, tuple[Upstream, ...]]] = {}

    def receive(self, incoming: Incoming) -> Prepared | Own | Forward:
        """Route one request."""
        authority = resolve_authority(incoming.headers, incoming.named, binary=incoming.binary)
        if isinstance(authority, Refusal):
            return authority
        path, _, query = incoming.target.decode("latin-1").partition("?")
        snippets, name = self._operating.snippets, authority.decode("ascii")
        is_snippet = snippets is not None and snippets.is_host(name, self._sites())
        if is_snippet and snippets is not None:
            site = snippets.find(self._sites(), path, query, incoming.headers)
        else:
            site = self._sites().find(name)
        if site is None:
            return UNKNOWN_HOST
        trusted = incoming.peer in self._trusted
        secure = is_secure(incoming.headers, tls=incoming.tls, trusted=trusted)
        if self._owns(site, path):
            address = client_address(site, incoming.peer, incoming.headers, self._trusted)
            large = _length(incoming.headers) > MAX_BODY_BYTES
            return Own(site, path, query, address, secure, large)
        if is_snippet:
            return UNKNOWN_HOST
        first = self._before_origin(incoming, site, authority, path, secure=secure)
        if first is not None:
            return first
        if not site.origins:
            return UNKNOWN_HOST
        if 0 < site.max_body_bytes < _length(incoming.headers):
            return TOO_LARGE
        headers = _for_origin(incoming, site, authority=authority, trusted=trusted, secure=secure)
        target, ticket = self._admit(site, incoming.target)
        return Forward(
            site,
            headers,
            target,
            f"{'https' if secure else 'http'}://{authority.decode('ascii').lower()}",
            self._upstreams_of(site),
            not incoming.binary and is_websocket(incoming.headers),
            self._visitor(incoming, site),
            _has_opted_out(incoming.headers),
            ticket,
        )

    def _admit(self, site: Site, target: bytes) -> tuple[bytes, Ticket | None]:
        pictures = self._operating.pictures
        try:
            return (target, None) if pictures is None else pictures.admit(site, target)
        except Exception as error:  # noqa: BLE001 - fail open: the page passes, without a picture.
            note_failure("picture", error)
            return target, None

    def _visitor(self, incoming: Incoming, site: Site) -> Address | None:
        if site.mode is not Mode.CANARY and not site.notes_documents:
            return None
        try:
            return client_address(site, incoming.peer, incoming.headers, self._trusted)
        except Exception as error:  # noqa: BLE001 - fail open: a canary goes by the path, a hit tells less.
            note_failure("visitor", error)
            return None

    def _owns(self, site: Site, path: str) -> bool:
        try:
            return self._endpoints.owns(site, path)
        except Exception as error:  # noqa: BLE001 - fail open: the origin answers.
            note_failure("names", error)
            return False

    def _upstreams_of(self, site: Site) -> tuple[Upstream, ...]:
        """Name a site's upstreams; kept as long as the site is the same object."""
        kept = self._upstreams.get(site.id)
        if kept is None or kept[0] is not site:
            upstreams = tuple(_upstream(origin, site) for origin in site.origins)
            kept = self._upstreams[site.id] = (site, upstreams)
        return kept[1]

    def _before_origin(
        self, incoming: Incoming, site: Site, authority: bytes, path: str, *, secure: bool
    ) -> Prepared | None:
        """Answer what the site or the operator says no origin shall.

        Challenges go to the origin where we have no file, without TLS and in maintenance too: a
        certificate may be what is missing.
        """
        if path.startswith(acme.PREFIX):
            folder = self._operating.acme_dir
            if folder is None or incoming.method not in _READS:
                return None
            found = acme.find_challenge(folder, path)
            return None if found is None else Challenge(found)
        redirect = self._redirect(incoming, site, authority, secure=secure)
        return redirect or (MAINTENANCE if site.maintenance else None)

    def _redirect(
        self, incoming: Incoming, site: Site, authority: bytes, *, secure: bool
    ) -> Redirect | None:
        """Send a browser to HTTPS and to the canonical host, in one step."""
        to_tls = site.https is not Https.OFF and not secure
        if not (to_tls or site.canonical_host) or not incoming.target.startswith(b"/"):
            return None
        asked = normal_host(authority.decode("ascii"))
        host = site.canonical_host or (asked if asked in site.hosts else site.host)
        if not to_tls and asked == host:
            return None
        port = authority.rpartition(b"]")[2].partition(b":")[2].decode("ascii")
        if to_tls:
            port = "" if port in {"", "80"} else str(self._operating.https_port or "")
        default = "443" if to_tls or secure else "80"
        base = f"{'https' if to_tls or secure else 'http'}://{host}"
        base += f":{port}" if port not in {"", default} else ""
        hsts = (HSTS,) if secure and site.https is Https.REDIRECT_HSTS else ()
        status = 301 if incoming.method in _READS else 308
        return Redirect(status, base.encode("ascii") + _ascii(incoming.target), hsts)


def peer_address(peername: object) -> Address:
    """Read a socket's peer; a peer without an address (a unix socket) counts as loopback."""
    if isinstance(peername, tuple) and peername:
        return unmapped(ip_address(str(peername[0]).partition("%")[0]))
    return ip_address("127.0.0.1")


def upstream_name(origin: Origin, site: Site) -> str:
    """Name an upstream: the configured name, else the origin's if it is one, else the site's."""
    return normal_host(site.upstream_host) or (
        site.host if _is_address(origin.host) else origin.host
    )


def _for_origin(
    incoming: Incoming, site: Site, *, authority: bytes, trusted: bool, secure: bool
) -> list[Field]:
    host = site.upstream_host.encode("ascii") or authority
    if trusted or incoming.binary:
        fields = end_to_end_request(incoming.headers, _EXPECT)
        fields = joined_crumbs(fields) if incoming.binary else fields
        return with_forwarded(
            _as_the_origin_is_asked(fields, host),
            peer=incoming.peer,
            trusted=trusted,
            secure=secure,
            authority=authority,
        )
    seen = seen_by_us(incoming.peer, secure, authority)
    return _as_the_origin_is_asked(end_to_end_request(incoming.headers, _OF_STRANGERS, seen), host)


def _has_opted_out(headers: Fields) -> bool:
    return OPT_OUT in b";".join(values_of(headers, b"cookie")) and has_opt_out(headers)


def _as_the_origin_is_asked(fields: list[Field], host: bytes) -> list[Field]:
    """Take our cookie out and put the host in; where neither is needed, nothing is copied."""
    if OPT_OUT in b";".join(values_of(fields, b"cookie")):
        fields = without_opt_out(fields)
    if values_of(fields, b"host") != [host]:
        fields = with_host(fields, host)
    return fields


def _upstream(origin: Origin, site: Site) -> Upstream:
    name = upstream_name(origin, site)
    tls, guarded = origin.scheme == "https", origin in site.guarded
    return Upstream(origin.host, origin.port, tls, name, site.id, guarded)


def _ascii(target: bytes) -> bytes:
    """Percent-encode raw octets, which mean the same to whoever reads the path."""
    return _NOT_ASCII.sub(lambda octet: b"%%%02X" % octet[0][0], target)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _length(headers: Fields) -> int:
    lengths = values_of(headers, b"content-length")
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0
