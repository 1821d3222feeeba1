"""Look at a site as a visitor's browser does, through the edge, and say what is wrong with it.

First what the site's own settings say, then its upstream and what the edge would do to its page
(by the edge's own code), then the way a visitor comes: the name, the edge behind it, the page with
its script, the beacon's address; last, whether events arrive. The one invariant: nothing is
counted: no view is sent, and the beacon that is tried is one that every edge refuses. What is found
is said in the language of whoever asks: the portal's reader, on a terminal English. It is long for
the words: each fault has its own.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from edge.buffer.accounts import read_account
from edge.explain import Question, explain
from edge.fronts.reception import Upstream
from edge.health_feed import read_health
from edge.inject.csp import bars_beacon
from edge.sites import Snapshot, parse_site
from edge.upstream_ranges import is_public
from portal.language import N_, _, ngettext
from portal.sites.verification import Check, Found
from portal.writing import number, percent
from statflow.explaining import open_knowledge
from statflow.fetching import (
    Answer,
    CertificateError,
    FetchError,
    RefusedError,
    ask_upstream,
    fetch,
    resolve,
)
from statflow.paths import Paths
from statflow.services import redis_url
from statflow.settings import Settings

_VISITOR = (
    ("User-Agent", "Mozilla/5.0 (compatible; Statflow verify; a site owner looks at this page)"),
    ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept-Encoding", "identity"),
)
_FIELDS = tuple((name.encode(), value.encode()) for name, value in _VISITOR)
_HTTPS, _HTTP = 443, 80
_MOST_REDIRECTS = 5
_OK, _MISDIRECTED, _BAD_REQUEST = 200, 421, 400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BROKEN = 500
_NOT_A_VIEW = b'{"v":1,"e":[]}'
_MODES = {
    "off": N_(
        "The edge is switched off for this site: pages pass untouched, and nothing is counted."
    ),
    "shadow": N_("The edge only pretends (shadow): pages pass untouched, and nothing is counted."),
}


@dataclass(frozen=True, slots=True)
class Door:
    """Where visitors come in: an address, and whether TLS is spoken there."""

    host: str
    address: tuple[str, int]
    tls: bool

    def ask(self, target: str, **options: Any) -> Answer:
        """Ask what is there.

        Raises:
            FetchError: There is no answer.
        """
        port = self.address[1]
        usual = port == (_HTTPS if self.tls else _HTTP)
        host = self.host if usual else f"{self.host}:{port}"
        headers = [("Host", host), *options.pop("headers", _VISITOR)]
        tls_name = self.host if self.tls else ""
        return fetch(self.address, target, headers=headers, tls_name=tls_name, **options)

    @property
    def url(self) -> str:
        """The address of the site's first page here."""
        return f"{'https' if self.tls else 'http'}://{self.host}/"


@dataclass(slots=True)
class Verifier:
    """Looks at sites that are given as the snapshot's objects.

    Not ``for_operator``, it tells nothing of what answers at addresses that are not public, but
    whether it is an edge: a team can give its site any name, also one of the operator's network.
    """

    settings: Settings
    paths: Paths
    known_events: Callable[[int], Mapping[str, Any]] | None = None
    reports: Callable[[], list[dict[str, Any]]] | None = None
    usual_ports: tuple[int, int] = (_HTTPS, _HTTP)
    now_s: Callable[[], float] = time.time
    for_operator: bool = True

    def __call__(self, payload: Mapping[str, Any], *, injection: bool = True) -> list[Check]:
        """Look at one site; it takes seconds.

        Raises:
            ValueError: The site is not as an edge takes it.
        """
        looked = _Look(self, dict(payload), injection)
        return list(looked.checks())


class _Look:
    """One look at one site."""

    def __init__(self, verifier: Verifier, payload: dict[str, Any], injection: bool) -> None:
        self._of = verifier
        self._payload = payload
        self._site = parse_site(payload)
        self._injection = injection
        self._host = self._site.canonical_host or self._site.host
        open_site = parse_site({**payload, "mode": "on", "maintenance": False, "https": "off"})
        snapshot = Snapshot(0, (open_site,), True)
        self._knowledge = open_knowledge(verifier.settings, lambda: snapshot)
        self._tag = self._knowledge.tag_for(open_site)
        self._reason = ""
        self._has_script = False

    def checks(self) -> Iterator[Check]:
        """Look at one thing after another."""
        yield from self._switches()
        yield from self._upstreams()
        door = None
        for found in self._doors():
            if isinstance(found, Door):
                door = found
            else:
                yield found
        if door is not None:
            yield from self._page(door)
            yield self._beacon(door)
        yield self._events()

    def _switches(self) -> Iterator[Check]:
        what, site = _("Settings"), self._site
        if not self._injection:
            said = _("An administrator has switched the script off for all sites.")
            yield Check(what, Found.WRONG, "kill_switch", said)
        elif site.mode in _MODES:
            yield Check(what, Found.WRONG, f"mode_{site.mode}", _(_MODES[site.mode]))
        elif site.maintenance:
            said = _("Maintenance is on: every page is answered with “back soon”. Switch it off.")
            yield Check(what, Found.WRONG, "maintenance", said)
        elif site.mode == "canary":
            share = percent(site.canary_percent)
            said = _("Canary: %(share)s of the pages carry the script.", share=share)
            yield Check(what, Found.NOTE, "canary", said)
        elif site.measure == "edge":
            said = _("Counted by the edge alone: pages carry no script, as it was chosen.")
            yield Check(what, Found.NOTE, "measure_edge", said)
        else:
            yield Check(what, Found.FINE, "on", _("The edge is on for this site."))

    def _upstreams(self) -> Iterator[Check]:
        """Ask each upstream for the first page, as the edge would, and explain what it would do."""
        if not self._payload["upstreams"]:
            said = _("No upstream: the edge serves no pages of the site, and takes events alone.")
            yield Check(_("Upstream"), Found.NOTE, "no_upstream", said)
        for url in self._payload["upstreams"]:
            what = _("Upstream %(url)s", url=url)
            try:
                question = self._ask(url)
            except FetchError as error:
                code = "upstream_certificate" if isinstance(error, CertificateError) else "upstream"
                yield Check(what, Found.WRONG, code, _told(url, error))
                continue
            if question.status >= _BROKEN:
                said = _(
                    "It answers the first page with status %(status)s.", status=question.status
                )
                yield Check(what, Found.WRONG, "upstream_status", said)
                continue
            said = _("It answers, with status %(status)s.", status=question.status)
            yield Check(what, Found.FINE, "upstream", said)
            yield from self._decision(question)

    def _ask(self, upstream: str) -> Question:
        """Ask for the first page, and go where it leads on the same site."""
        only = {**self._payload, "maintenance": False, "https": "off", "upstreams": [upstream]}
        snapshot = Snapshot(0, (parse_site(only),), True)
        knowledge = open_knowledge(self._of.settings, lambda: snapshot)
        url = f"https://{self._host}/"
        for _turn in range(_MOST_REDIRECTS):
            question = Question(url=url, headers=_FIELDS)
            question = ask_upstream(question, knowledge, self._of.settings.upstream_ranges)
            target = self._leads_to(question.status, question.answer_headers, url)
            if not target:
                return question
            url = target
        raise FetchError(_("redirects in a circle: does it ask for HTTPS that it has already?"))

    def _leads_to(self, status: int, fields: Any, url: str) -> str:
        """Tell where a redirect leads, if that is this very site, by HTTPS."""
        named = {name.lower(): value for name, value in fields}
        if status not in _REDIRECTS or b"location" not in named:
            return ""
        parts = urlsplit(urljoin(url, named[b"location"].decode("latin-1")))
        if parts.hostname not in self._site.hosts:
            return ""
        return str(parts._replace(scheme="https", netloc=self._host).geturl())

    def _decision(self, question: Question) -> Iterator[Check]:
        what = _("What the edge does to the page")
        said = explain(question, self._knowledge, round(self._of.now_s() * 1000))
        self._reason = "" if said.inject else said.reason
        if self._site.measure == "edge":
            return
        if said.inject:
            yield Check(what, Found.FINE, "injected", _("The page gets the script."))
        else:
            kind = next(
                (v.decode("latin-1") for n, v in question.answer_headers
                 if n.lower() == b"content-type"), "none")  # fmt: skip
            text = _("The page gets no script. %(reason)s", reason=_(said.meaning))
            if said.reason == "content_type":
                text += " " + _("Its type is %(kind)s.", kind=kind)
            yield Check(what, Found.WRONG, said.reason, text)
        if bars_beacon(self._tag, f"https://{self._host}", question.body[:65_536]):
            text = _(
                "A <meta> Content-Security-Policy in the page forbids the script to send its "
                "events: allow %(address)s in its connect-src.",
                address=self._tag.endpoint_url,
            )
            yield Check(_("The page's own policy"), Found.WRONG, "csp_meta", text)

    def _doors(self) -> Iterator[Check | Door]:
        """Find the edge behind the site's name, the way a visitor comes."""
        what, host = _("The site's name"), self._host
        settings = self._of.settings
        try:
            # Whoever may only point it at public upstreams may look at no other place either.
            guarded = bool(self._site.guarded)
            named = Upstream(host, _HTTPS, tls=True, sni=host, guarded=guarded)
            addresses = [address for address, _ in resolve(named, settings.upstream_ranges)]
        except FetchError as error:
            said = _(
                "%(host)s %(problem)s. Give it an A or AAAA record with the edge's address.",
                host=host,
                problem=error,
            )
            yield Check(what, Found.WRONG, "dns", said)
            return
        inside = not self._of.for_operator and not all(map(is_public, map(ip_address, addresses)))
        where = _("an address that is not public") if inside else ", ".join(addresses)
        said = _("%(host)s leads to %(where)s.", host=host, where=where)
        yield Check(what, Found.FINE, "dns", said)
        problem = Check(_("The edge"), Found.WRONG, "nobody", "")
        for port, tls in self._ports(addresses):
            door = Door(host, (addresses[0], port), tls)
            found = self._knock(door)
            if found.found is Found.FINE:
                yield found
                yield door
                return
            if not problem.said or found.code != "nobody":
                problem = found
        # What else answers within the operator's network is not a team's to find out.
        said = _("No edge answers for %(host)s there.", host=host)
        hidden = Check(_("The edge"), Found.WRONG, "nobody", said)
        yield hidden if inside else problem

    def _ports(self, addresses: list[str]) -> list[tuple[int, bool]]:
        """List where to knock: the usual ports, or those of ``up`` on this machine."""
        secure, plain = self._of.usual_ports
        if all(ip_address(address).is_loopback for address in addresses):
            urls = _urls_of(self._of.paths.run_json)
            found = [(urlsplit(urls[name]).port, name == "edge_tls")
                     for name in ("edge", "edge_tls") if urls.get(name)]  # fmt: skip
            if found:
                return [(port, tls) for port, tls in found if port]
        return [(secure, True), (plain, False)]

    def _knock(self, door: Door) -> Check:
        """Ask for the site's script: only an edge that knows the site has it."""
        address, port = door.address
        what, where = _("The edge"), _("%(address)s, port %(port)s", address=address, port=port)
        try:
            answer = door.ask(self._tag.script_url)
        except CertificateError as error:
            said = _(
                "%(where)s %(problem)s. The certificate must name %(host)s (STATFLOW_TLS_DIR).",
                where=where,
                problem=error,
                host=door.host,
            )
            return Check(what, Found.WRONG, "certificate", said)
        except RefusedError as error:
            said = _("%(where)s %(problem)s. Is an edge running there?", where=where, problem=error)
            return Check(what, Found.WRONG, "nobody", said)
        except FetchError as error:
            return Check(what, Found.WRONG, "not_http", _told(where, error))
        if answer.status == _MISDIRECTED:
            said = _(
                "An edge answers at %(where)s and does not know %(host)s (yet).",
                where=where,
                host=door.host,
            )
            return Check(what, Found.WRONG, "unknown_site", said)
        is_script = answer.status == _OK and "javascript" in answer.field("content-type")
        if is_script and self._tag.endpoint_url.encode() in answer.body:
            said = _("An edge answers for it at %(where)s.", where=where)
            return Check(what, Found.FINE, "edge", said)
        said = _(
            "Something else (%(server)s) answers for %(host)s at %(where)s, with status "
            "%(status)s for our script. Let the name lead to the edge, or let what stands "
            "before it pass %(prefix)s/ on.",
            server=answer.field("server") or _("it gives no name"),
            host=door.host,
            where=where,
            status=answer.status,
            prefix=self._site.prefix,
        )
        return Check(what, Found.WRONG, "not_the_edge", said)

    def _page(self, door: Door) -> Iterator[Check]:
        what = _("The page, as visitors get it")
        try:
            answer = self._visit(door)
        except FetchError as error:
            yield Check(what, Found.WRONG, "page", _told(door.url, error))
            return
        self._has_script = self._tag.script_url.encode() in answer.body
        if self._has_script:
            yield Check(what, Found.FINE, "script", _("It carries the script."))
        elif self._site.measure == "edge":
            said = _("It comes, with status %(status)s.", status=answer.status)
            yield Check(what, Found.FINE, "page", said)
        elif self._site.mode == "canary":
            said = _("It carries no script this time: canary.")
            yield Check(what, Found.NOTE, "canary_page", said)
        elif self._reason or self._site.mode != "on" or not self._injection:
            said = _("It carries no script; see above for why.")
            yield Check(what, Found.WRONG, "no_script", said)
        elif self._site.maintenance:
            said = _("It is the edge's own “back soon”.")
            yield Check(what, Found.WRONG, "no_script", said)
        else:
            said = _(
                "It carries no script, though the edge would put it in (status %(status)s). Does "
                "a cache before the edge show an old copy, or has the edge stopped by itself "
                "because pages failed? The Edge page tells.",
                status=answer.status,
            )
            yield Check(what, Found.WRONG, "no_script", said)

    def _visit(self, door: Door) -> Answer:
        url = door.url
        for _turn in range(_MOST_REDIRECTS):
            parts = urlsplit(url)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            answer = door.ask(target)
            if answer.status not in _REDIRECTS or not answer.field("location"):
                return answer
            url = urljoin(url, answer.field("location"))
            if urlsplit(url).hostname not in self._site.hosts:
                return answer
        raise FetchError(_("redirects in a circle"))

    def _beacon(self, door: Door) -> Check:
        """Send what every edge refuses, and see whether it is an edge that refuses it."""
        what, path = _("The address that events are sent to"), self._tag.endpoint_url
        headers = [*_VISITOR[:1], ("Content-Type", "text/plain"), ("Origin", door.url.rstrip("/"))]
        try:
            answer = door.ask(path, method="POST", body=_NOT_A_VIEW, headers=headers)
        except FetchError as error:
            return Check(what, Found.WRONG, "beacon", _told(path, error))
        try:
            refused = answer.status == _BAD_REQUEST and "code" in json.loads(answer.body)["error"]
        except (ValueError, KeyError, TypeError):
            refused = False
        if refused:
            said = _("%(path)s takes events.", path=path)
            return Check(what, Found.FINE, "beacon", said)
        said = _(
            "POST %(path)s is answered with status %(status)s by something that is not the "
            "edge's collector: a firewall or a proxy before it stops events. Let it pass POST.",
            path=path,
            status=answer.status,
        )
        return Check(what, Found.WRONG, "beacon", said)

    def _events(self) -> Check:
        what = _("Events")
        of, site_id = self._of, self._site.id
        url = redis_url(of.settings, of.paths)
        try:
            account = of.known_events(site_id) if of.known_events else read_account(url, site_id)
            reports = of.reports() if of.reports else read_health(url)
        except Exception as error:  # noqa: BLE001 - the look goes on without it
            said = _(
                "Whether events arrive cannot be told just now (%(error)s).",
                error=type(error).__name__,
            )
            return Check(what, Found.NOTE, "unknown", said)
        received = int(account.get("received", 0))
        dropped = sum(dict(account.get("dropped", {})).values())
        if received > dropped:
            kept = received - dropped
            said = ngettext(
                "%(count)s has arrived.", "%(count)s have arrived.", kept, count=number(kept)
            )
            return Check(what, Found.FINE, "events", said)
        if dropped:
            said = _(
                "%(count)s came and none was kept: the Events page says why.", count=number(dropped)
            )
            return Check(what, Found.WRONG, "all_dropped", said)
        shown = sum(r.get("sites", {}).get(str(site_id), {}).get("injected", 0) for r in reports)
        if shown:
            said = _(
                "Pages that went out with the script: %(count)s. No event has come back. Open the "
                "site in a browser without a blocker; if nothing appears within a minute, look "
                "into the browser's console for what stops the script.",
                count=number(shown),
            )
            return Check(what, Found.WRONG, "no_events", said)
        said = _("None yet, and no page has gone out with the script. Open the site in a browser.")
        return Check(what, Found.NOTE, "no_visits", said)


def _told(who: str, error: FetchError) -> str:
    return _("%(who)s %(problem)s.", who=who, problem=error)


def _urls_of(run_json: Path) -> dict[str, str]:
    try:
        return {k: v for k, v in json.loads(run_json.read_text())["urls"].items() if v}
    except (OSError, ValueError, KeyError):
        return {}


def as_rows(checks: list[Check]) -> list[dict[str, str]]:
    """Write checks as plain values."""
    return [{k: str(v) for k, v in dataclasses.asdict(check).items()} for check in checks]
