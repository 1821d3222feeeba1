"""Steps: the page an event happened on, and the properties it carries.

Of a URL only the path is kept, and those query parameters that the site lists (DESIGN 5.3). Where
the visit came from is ``edge.pipeline.source``. The one invariant: whatever is kept is masked.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from edge.event import ENGAGEMENT, PAGEVIEW, Scalar
from edge.outcomes import DropReason
from edge.page_url import PageUrl, split_page
from edge.pipeline.draft import Draft
from edge.sites import Site
from rules.masks import mask
from rules.matcher import plain_path
from rules.policy import Policy

_MAX_PARAMS = 200
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
"""The UTM parameters, which are fields of an event by the same names."""
_CAMPAIGN_NAMES = frozenset(CAMPAIGN)
_MOST_LANDINGS = 4_096
_OWN_NAMES = frozenset({PAGEVIEW, ENGAGEMENT})
_ENCODED = re.compile(r"[%+]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_LARGEST_EXACT = 2**53


class Landing(NamedTuple):
    """What is read of a page's URL."""

    hostname: str
    params: dict[str, str]
    path: str


_landings: dict[tuple[Policy, tuple[str, ...], bool, str], Landing] = {}
"""Pages of late whose whole URL is kept with the event, so that nothing stays here that is not."""


def is_own_host(site: Site, host: str) -> bool:
    """Tell whether a normal host is one of the site's; a ``www.`` before either is nothing."""
    return host.removeprefix("www.") in site.bare_hosts


def put_page(draft: Draft) -> None:
    """Set host name and path, and read the query's parameters for the later steps."""
    site, url = draft.sender.site, draft.beacon.url
    key = (site.policy, site.kept_params, site.hash_routes, url)
    landing = _landings.get(key)
    if landing is None:
        page = split_page(url)
        params = parse_params(page.query)
        landing = Landing(page.host, params, _path(page, params, site))
        if _is_kept_as_it_is(page, landing, url):
            if len(_landings) >= _MOST_LANDINGS:
                _landings.clear()
            _landings[key] = landing
    draft.hostname, draft.params, draft.path = landing


def drop_foreign_host(draft: Draft) -> DropReason | None:
    """Drop the event of a page that is not the site's."""
    host = f"[{draft.hostname}]" if ":" in draft.hostname else draft.hostname
    is_own = is_own_host(draft.sender.site, host)
    return None if is_own else DropReason.HOSTNAME_NOT_ALLOWED


def put_props(draft: Draft) -> None:
    """Set the event's name, and the properties as text: all masked, names of properties too."""
    name = draft.beacon.name
    draft.name = name if name in _OWN_NAMES else mask(name)
    if draft.beacon.props:
        draft.props = {mask(key): _prop(value) for key, value in draft.beacon.props}


def parse_params(query: str) -> dict[str, str]:
    """Read a query's parameters, the first value of each; a hostile query is as good as none."""
    if not query:
        return {}
    if not _ENCODED.search(query) and query.count("&") < _MAX_PARAMS:
        params: dict[str, str] = {}
        for field in query.split("&"):
            name, _, value = field.partition("=")
            if value:
                params.setdefault(name, value)
        return params
    try:
        pairs = parse_qsl(query, max_num_fields=_MAX_PARAMS)
    except ValueError:
        return {}
    return dict(reversed(pairs))


def normal_path(path: str) -> str:
    """Decode a path for people to read, unless that would change what it means, and mask it."""
    return mask(plain_path(path)) or "/"


def clean_text(text: str) -> str:
    """Trim text from outside, take control characters out and mask it."""
    return mask(text.strip() if text.isprintable() else _CONTROLS.sub("", text).strip())


def _path(page: PageUrl, params: dict[str, str], site: Site) -> str:
    path = kept_path(page.path, site)
    if params and (names := (*site.kept_params, *site.policy.kept_params)):
        kept = [(name, mask(params[name])) for name in dict.fromkeys(names) if name in params]
        if kept:
            path = f"{path}?{urlencode(kept, safe='[]/')}"
    if site.hash_routes and page.fragment:
        path = f"{path}#{kept_path(page.fragment.partition('?')[0], site)}"
    return path


def _is_kept_as_it_is(page: PageUrl, landing: Landing, url: str) -> bool:
    params = landing.params
    return (
        landing.path == page.path
        and "@" not in url
        and "#" not in url
        and page.query == "&".join(f"{name}={value}" for name, value in params.items())
        and _CAMPAIGN_NAMES.issuperset(params)
        and all(clean_text(value) == value for value in params.values())
    )


def kept_path(path: str, site: Site) -> str:
    """Write a path as the site's rules of privacy say, and mask what is left."""
    return mask(site.policy.mask_path(plain_path(path))) or "/"


def _prop(value: Scalar) -> str:
    """Write a scalar as JavaScript would; text is masked, and so are numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        value = int(value)
    return mask(str(value))
