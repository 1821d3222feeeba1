"""What the edges are told: rows of sites → the snapshot's objects.

Numbering, checking and sending the snapshot is the composition root's work. The schema is
``edge/sites.py``'s and is tested against it; nothing of the edge is imported here.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from portal.models import Site

_SAME_NAME = (
    "id",
    "host",
    "aliases",
    "upstreams",
    "public_key",
    "timezone",
    "prefix",
    "mode",
    "hash_routes",
    "respect_dnt",
    "csp",
    "client_ip",
    "kept_params",
    "currency",
    "max_body_bytes",
    "debug",
    "debug_key",
    "upstream_host",
)


def site_payload(site: Site) -> dict[str, Any]:
    """Write one site as the snapshot's object."""
    return {name: getattr(site, name) for name in _SAME_NAME}


def sites_payload(session: Session) -> list[dict[str, Any]]:
    """Write every site, by id, in two statements."""
    query = select(Site).order_by(Site.id).options(selectinload(Site.hosts))
    return [site_payload(site) for site in session.scalars(query)]
