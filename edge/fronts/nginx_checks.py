"""Refuse what a generated nginx configuration could not do as the site asks for it.

A wrong page is worse than an error at the terminal, so nothing is left out in silence: what nginx
does a little differently is a comment in the generated file (``nginx_notes``), what it cannot do
is refused here, with the site, the field and a way out. The one invariant: what passes is served
as the Python fronts would serve it, but for those comments.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address

from edge.fronts.nginx_options import Inject, NginxOptions
from edge.fronts.nginx_text import NginxError
from edge.fronts.reception import upstream_name
from edge.sites import ClientIpSource, CspMode, Mode, Site, Snapshot

_ASKED_BY = {
    True: "an upstream that somebody of a team typed (or vouch for it: `statflow site set`)",
    False: "STATFLOW_UPSTREAM_RANGES",
}
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def check_sites(snapshot: Snapshot, options: NginxOptions) -> None:
    """Check every site.

    Raises:
        NginxError: One asks for what cannot be expressed.
    """
    for site in snapshot.sites:
        for check in (*_ALWAYS, *(_WITHOUT_EDGE if options.inject is not Inject.EDGE else ())):
            if said := check(site, options):
                raise NginxError(f"site {site.host}: {said}")


def _one_scheme(site: Site, _options: NginxOptions) -> str:
    if len({origin.scheme for origin in site.origins}) > 1:
        return "upstreams: nginx speaks either http or https to all of a site's upstreams, not both"
    return ""


def _one_name(site: Site, _options: NginxOptions) -> str:
    names = {upstream_name(origin, site) for origin in site.origins if origin.scheme == "https"}
    if len(names) > 1:
        return (
            "upstreams: nginx checks one certificate name for all of a site's upstreams; "
            "set upstream_host to the name they share"
        )
    return ""


def _in_ranges(site: Site, options: NginxOptions) -> str:
    """Hold addresses to what is allowed; where a name leads is known at connect time only."""
    for origin in site.origins:
        guarded = origin in site.guarded
        if not _is_address(origin.host):
            if guarded or options.allowed:
                return (
                    f"upstreams: {origin.host} is a name, and nginx does not check where it leads, "
                    f"as {_ASKED_BY[guarded]} asks; give its address"
                )
        elif not options.allowed.allows(origin.host, guarded=guarded):
            rule = "STATFLOW_UPSTREAM_RANGES" if options.allowed else "what is allowed"
            return f"upstreams: {origin.host} lies outside {rule}"
    return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _upstream_host(site: Site, _options: NginxOptions) -> str:
    if site.upstream_host and not _AUTHORITY.fullmatch(site.upstream_host):
        return f"upstream_host: {site.upstream_host!r} is no host name"
    return ""


def _client_ip(site: Site, options: NginxOptions) -> str:
    if site.client_ip is ClientIpSource.FORWARDED and options.trusted:
        return (
            "client_ip forwarded: nginx cannot read the client's address from Forwarded; "
            "let the proxy before nginx send X-Forwarded-For"
        )
    if site.client_ip is ClientIpSource.PEER:
        return (
            "client_ip peer: behind nginx the edge's peer is nginx; choose x-forwarded-for, "
            "which without trusted proxies is nginx's own peer"
        )
    return ""


def _no_sampling(site: Site, options: NginxOptions) -> str:
    if site.mode in {Mode.CANARY, Mode.SHADOW}:
        return f"mode {site.mode}: --inject {options.inject} knows only on and off; use edge"
    return ""


def _no_rotation(site: Site, options: NginxOptions) -> str:
    if site.quiet_seed:
        return (
            f"quiet_seed: --inject {options.inject} writes one script name into its pages and "
            "cannot change it as time goes on; use edge"
        )
    return ""


def _policy(site: Site, options: NginxOptions) -> str:
    if site.csp is CspMode.AMEND and options.inject is Inject.SUB_FILTER:
        return (
            "csp amend: sub_filter cannot change a Content-Security-Policy; set csp to reuse "
            "(pages with a policy get the tag only with its nonce), or use edge or njs"
        )
    return ""


def _has_tag(site: Site, options: NginxOptions) -> str:
    return "" if site.id in options.tags else "no tag was given for it"


type _Check = Callable[[Site, NginxOptions], str]

_ALWAYS: tuple[_Check, ...] = (
    _one_scheme,
    _one_name,
    _in_ranges,
    _upstream_host,
    _client_ip,
)
_WITHOUT_EDGE: tuple[_Check, ...] = (_no_sampling, _no_rotation, _policy, _has_tag)
