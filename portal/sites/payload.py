"""What the edges are told: rows of sites → the snapshot's objects.

Numbering, checking and sending the snapshot is the composition root's work. The schema is
``edge/sites.py``'s and is tested against it; nothing of the edge is imported here.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from portal.models import ApiToken, Setting, Site, User
from portal.teams.rights import may_write_events

_INJECTION = "injection"


_SAME_NAME = (
    "id",
    "host",
    "aliases",
    "upstreams",
    "guarded_upstreams",
    "public_key",
    "timezone",
    "prefix",
    "mode",
    "hash_routes",
    "count_downloads",
    "count_forms",
    "respect_dnt",
    "csp",
    "client_ip",
    "kept_params",
    "currency",
    "max_body_bytes",
    "debug",
    "debug_key",
    "upstream_host",
    "canary_percent",
    "https",
    "canonical_host",
    "maintenance",
    "script_name",
    "quiet_seed",
    "former_names",
    "salt_period",
    "hits",
    "measure",
    "cnil",
    "city_k",
    "rules",
    "modules",
)
_WRITES = "events:write"


@dataclass(frozen=True, slots=True)
class Publication:
    """All that the edges are told: every site, and whether pages may be touched at all."""

    sites: list[dict[str, Any]]
    injection: bool = True


def site_payload(site: Site) -> dict[str, Any]:
    """Write one site as the snapshot's object."""
    values = {name: getattr(site, name) for name in _SAME_NAME}
    return values | {"write_tokens": write_tokens(site)}


def write_tokens(site: Site) -> list[str]:
    """List the hashes of the tokens that may write the site's events, while their owners may."""
    return sorted(
        token.token_hash
        for token in site.tokens
        if _WRITES in token.scopes
        and not token.user.disabled
        and may_write_events(token.user, site)
    )


def sites_payload(session: Session) -> list[dict[str, Any]]:
    """Write every site, by id, in a handful of statements however many there are."""
    owners = selectinload(Site.tokens).joinedload(ApiToken.user)
    of_owners = (User.memberships, User.code_app, User.passkeys)
    query = (
        select(Site)
        .order_by(Site.id)
        .options(
            selectinload(Site.hosts),
            selectinload(Site.team),
            selectinload(Site.guests),
            *(owners.selectinload(what) for what in of_owners),
        )
    )
    return [site_payload(site) for site in session.scalars(query)]


def publication(session: Session) -> Publication:
    """Write what the edges are to be told now."""
    return Publication(sites_payload(session), injection_is_on(session))


def injection_is_on(session: Session) -> bool:
    """Tell whether the kill switch for all sites is not thrown."""
    setting = session.get(Setting, _INJECTION)
    return setting is None or bool(setting.value)


def set_injection(session: Session, *, on: bool) -> None:
    """Throw the kill switch for all sites, or put it back."""
    session.merge(Setting(name=_INJECTION, value=on))
    session.flush()
