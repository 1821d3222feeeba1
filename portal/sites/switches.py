"""What can be changed of a site, by name: one reader each, shared by the form and the commands.

Each row takes text and gives what is stored, or raises ``FieldError`` with a sentence for the
person who typed it. Upstream, aliases and the time zone have readers of their own in
``portal.sites.fields``. The one invariant: what passes here passes the edges' check of the
snapshot (``edge/sites.py``).
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from portal.language import N_, _
from portal.models import Site
from portal.sites.fields import (
    FieldError,
    read_host,
    read_mode,
    read_timezone,
    read_upstream,
)
from portal.sites.upstreams import put_upstreams
from rules.loader import RuleError, plain_rule
from rules.text import parse_text

MOST_RETENTION_DAYS = 36_500
FORMER_KEPT = timedelta(days=30)
"""How long the names of ours that a change gives up go on answering."""
MOST_FORMER = 8
"""Former names kept at most; those that were in force the shortest go first, the oldest never."""

HTTPS = {
    "off": N_("Serve plain HTTP as well"),
    "redirect": N_("Redirect plain HTTP to HTTPS"),
    "redirect+hsts": N_("Redirect, and tell browsers to come by HTTPS only (HSTS)"),
}
CSP = {
    "amend": N_("Add our exact addresses to the site's policy"),
    "reuse": N_("Only use a nonce that the page has"),
    "off": N_("Leave policies alone, and such pages too"),
}
CLIENT_IP = {
    "x-forwarded-for": "X-Forwarded-For",
    "forwarded": "Forwarded",
    "cf-connecting-ip": "CF-Connecting-IP (Cloudflare)",
    "true-client-ip": N_("True-Client-IP (Akamai, Cloudflare)"),
    "peer": N_("None: the address that connects"),
}
SALT_PERIODS = {
    "day": N_("A day: nobody is known again tomorrow"),
    "week": N_("A week, Monday to Sunday"),
    "month": N_("A month"),
}
MODULES = {
    "clicks": N_("Clicks: where on each element, clicks in anger and clicks that did nothing"),
    "scroll": N_("Scrolling: which parts of each page were in view, and for how long"),
    "vitals": N_("Core Web Vitals: LCP, INP, CLS, FCP, TTFB"),
    "errors": N_("Errors of scripts: type, message without values, file and line"),
    "forms": N_("Forms: order and time of the fields, sent or left; never what was typed"),
}
MEASURES = {
    "tracker": N_("The script in the pages"),
    "hybrid": N_("The script; beside it, views that it missed are shown as unconfirmed"),
    "edge": N_("The edge alone: no script, each page served to a person is a page view"),
}
CNIL_FORCES: Mapping[str, Any] = {"salt_period": "day"}
"""What CNIL mode sets of the other switches; what it takes off events is the edge's part."""
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]{1,64}){1,4}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARAMETER = re.compile(r"[^\s&=#?]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ON, _OFF = frozenset({"on", "true", "yes", "1", "y"}), frozenset({"off", "false", "no", "0", ""})


@dataclass(frozen=True, slots=True)
class Switch:
    """One row: the column's name, its reader, and what it does, for ``site set --help``."""

    name: str
    read: Callable[[str], Any]
    help: str


def _flag(name: str) -> Callable[[str], bool]:
    def read(text: str) -> bool:
        word = text.strip().lower()
        if word not in _ON | _OFF:
            raise FieldError(
                name, _("%(name)s: type on or off, not %(text)r.", name=name, text=text)
            )
        return word in _ON

    return read


def _rules(text: str) -> list[dict[str, Any]]:
    try:
        return [plain_rule(rule) for rule in parse_text(text)]
    except RuleError as error:
        raise FieldError("rules", _("Nothing was saved: %(error)s.", error=error)) from None


def _choice(name: str, choices: Mapping[str, str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise FieldError(
                name,
                _("%(name)s: choose one of %(choices)s.", name=name, choices=", ".join(choices)),
            )
        return text

    return read


def _number(name: str, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdecimal() and int(digits) <= most):
            raise FieldError(
                name, _("%(name)s: type a whole number from 0 to %(most)s.", name=name, most=most)
            )
        return int(digits)

    return read


def _matching(name: str, form: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        value = text.strip()
        if value and not form.fullmatch(value):
            raise FieldError(
                name,
                _("%(name)s: %(text)r is not %(wanted)s.", name=name, text=text, wanted=_(wanted)),
            )
        return value

    return read


def read_prefix(text: str) -> str:
    """Read the path under which the edge answers itself, such as ``/sf``.

    Raises:
        FieldError: It is no such path.
    """
    prefix = text.strip().rstrip("/")
    if not _PREFIX.fullmatch(prefix):
        raise FieldError("prefix", _("prefix: %(text)r is not a path such as /sf.", text=text))
    return prefix


def _currency(text: str) -> str:
    code = text.strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise FieldError("currency", _("currency: %(text)r is not a code such as EUR.", text=text))
    return code


def _names(text: str) -> list[str]:
    names = list(dict.fromkeys(text.replace(",", " ").split()))
    for name in names:
        if not _PARAMETER.fullmatch(name):
            raise FieldError(
                "kept_params", _("kept_params: %(name)r is no parameter's name.", name=name)
            )
    return names


def _modules(text: str) -> list[str]:
    wanted = text.replace(",", " ").split()
    for name in wanted:
        if name not in MODULES:
            raise FieldError(
                "modules",
                _(
                    "modules: %(name)r is none of %(modules)s.",
                    name=name,
                    modules=", ".join(MODULES),
                ),
            )
    return [name for name in MODULES if name in wanted]


def _host_or_none(field: str) -> Callable[[str], str]:
    return lambda text: read_host(text, field) if text.strip() else ""


def _upstreams(text: str) -> list[str]:
    upstreams = [read_upstream(url) for url in text.replace(",", " ").split()]
    return list(dict.fromkeys(upstreams))


SWITCHES: dict[str, Switch] = {
    switch.name: switch
    for switch in (
        Switch(
            "upstreams",
            _upstreams,
            "addresses of the pages, the first healthy one is used; none: events alone are taken",
        ),
        Switch("timezone", read_timezone, "IANA name; days begin and end by it"),
        Switch("mode", read_mode, "off, shadow, canary or on"),
        Switch("canary_percent", _number("canary_percent", 100), "share of pages in canary mode"),
        Switch("https", _choice("https", HTTPS), "off, redirect or redirect+hsts"),
        Switch("canonical_host", _host_or_none("canonical_host"), "name to redirect the others to"),
        Switch("maintenance", _flag("maintenance"), "answer every page with a 503 of ours"),
        Switch("prefix", read_prefix, "path under which the edge answers itself"),
        Switch(
            "script_name",
            _matching("script_name", _NAME, N_("a name of letters, digits, - and _")),
            "the script's name, without .js",
        ),
        Switch("quiet", _flag("quiet"), "rotating names instead of prefix and script name"),
        Switch("csp", _choice("csp", CSP), "amend, reuse or off"),
        Switch("respect_dnt", _flag("respect_dnt"), "obey Do Not Track and GPC"),
        Switch("salt_period", _choice("salt_period", SALT_PERIODS), "day, week or month"),
        Switch("modules", _modules, f"parts of the tracker to load: {', '.join(MODULES)}"),
        Switch("measure", _choice("measure", MEASURES), "tracker, hybrid or edge"),
        Switch("hits", _flag("hits"), "keep a row of each document served"),
        Switch("cnil", _flag("cnil"), "CNIL mode: the strictest of each choice"),
        Switch("city_k", _number("city_k", 1_000), "visitors that must share a city; 0: default"),
        Switch("hash_routes", _flag("hash_routes"), "what follows # is a page of its own"),
        Switch("count_downloads", _flag("count_downloads"), "an event for each file download"),
        Switch("count_forms", _flag("count_forms"), "an event for each form that is sent"),
        Switch("rules", _rules, "the site's own rules, YAML or JSON; see docs/rules.md"),
        Switch("kept_params", _names, "query parameters kept besides utm_* and click ids"),
        Switch(
            "retention_days",
            _number("retention_days", MOST_RETENTION_DAYS),
            "days for which numbers are kept; 0: for good",
        ),
        Switch("currency", _currency, "for revenue without one"),
        Switch("client_ip", _choice("client_ip", CLIENT_IP), "field of a trusted proxy"),
        Switch("upstream_host", _host_or_none("upstream_host"), "Host for the upstream"),
        Switch("max_body_bytes", _number("max_body_bytes", 2**53), "largest upload; 0: no limit"),
        Switch("debug", _flag("debug"), "tell in headers what was decided and dropped"),
        Switch(
            "debug_key",
            _matching("debug_key", _NAME, N_("letters, digits, - and _")),
            "the same, for requests with this key in X-Statflow-Debug",
        ),
    )
}


def change_site(
    session: Session, site: Site, changes: Mapping[str, str], *, now: datetime | None = None
) -> None:
    """Change a site by the names of ``SWITCHES``; all of it or nothing.

    Names of ours that a change gives up answer for ``FORMER_KEPT`` more.

    Raises:
        FieldError: A name is unknown, a value is wrong, or they do not go together.
    """
    unknown = [name for name in changes if name not in SWITCHES]
    if unknown:
        raise FieldError(
            unknown[0],
            _(
                "There is no switch %(unknown)r; there are %(switches)s.",
                unknown=unknown[0],
                switches=", ".join(SWITCHES),
            ),
        )
    values = {name: SWITCHES[name].read(text) for name, text in changes.items()}
    canonical = values.get("canonical_host", site.canonical_host)
    if canonical and canonical not in {site.host, *site.aliases}:
        raise FieldError(
            "canonical_host", _("%(canonical)s is not a name of this site.", canonical=canonical)
        )
    before = _names_of(site)
    if "quiet" in values:
        _set_quiet(site, quiet=values.pop("quiet"))
    if "upstreams" in values:
        put_upstreams(site, values.pop("upstreams"))
    for name, value in values.items():
        setattr(site, name, value)
    if site.cnil:
        for name, value in CNIL_FORCES.items():
            setattr(site, name, value)
    _remember(site, before, now or datetime.now(UTC))
    session.flush()


def _names_of(site: Site) -> dict[str, str | int]:
    return {
        "prefix": site.prefix,
        "script_name": site.script_name,
        "quiet_seed": site.quiet_seed,
    }


def _remember(site: Site, before: dict[str, str | int], now: datetime) -> None:
    """Keep names that pages in caches still carry; to begin quiet mode gives up none."""
    after = _names_of(site)
    begins_quiet = after == {**before, "quiet_seed": site.quiet_seed} and not before["quiet_seed"]
    until_s = int((now + FORMER_KEPT).timestamp())
    kept: list[dict[str, Any]] = []
    if not begins_quiet and after != before:
        kept.append({**before, "until_s": until_s})
    for former in site.former_names:
        names = {name: former[name] for name in before}
        if int(former["until_s"]) > now.timestamp() and names not in (before, after):
            kept.append(former)
    site.former_names = _most_used(kept)


def _most_used(former: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the names that were in force the longest: most pages in caches carry those.

    Each was in force from the change before it, the next in the list, until its own.
    """
    while len(former) > MOST_FORMER:
        ends = [int(names["until_s"]) for names in former]
        spans = [later - earlier for later, earlier in pairwise(ends)]
        shortest = min(range(len(spans)), key=lambda i: (spans[i], -i))
        del former[shortest]
    return former


def _set_quiet(site: Site, *, quiet: bool) -> None:
    if quiet and not site.quiet_seed:
        site.quiet_seed = secrets.token_hex(16)
    if not quiet:
        site.quiet_seed = ""
