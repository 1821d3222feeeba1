"""Where a site's pages come from, and whose word that is.

What the operator wrote (a command, or an administrator in the portal) may lie in their own network;
what anybody else typed is *guarded*: the edge connects to it at public addresses only, by the
address it has connected to (``edge.upstream_ranges``). What can be told at once is refused here, as
a courtesy. The one invariant: an upstream of a form or of the API is guarded, unless an
administrator typed it, and stays so until a command names it.
"""

from collections.abc import Sequence

from flask_login import current_user

from portal.audit.actors import Via, acting
from portal.config import here
from portal.models import Site
from portal.sites.fields import FieldError


def put_upstreams(site: Site, upstreams: Sequence[str], field: str = "upstreams") -> None:
    """Set the upstreams of a site, and which of them are guarded.

    Raises:
        FieldError: A new one can be seen to lie where only the operator may point.
    """
    known, guarded = set(site.upstreams or ()), set(site.guarded_upstreams or ())
    if acting().via is Via.COMMAND:
        guarded = set()
    else:
        new = [upstream for upstream in upstreams if upstream not in known]
        guarded |= set() if _is_administrator() else {_checked(url, field) for url in new}
    site.upstreams = list(upstreams)
    site.guarded_upstreams = [upstream for upstream in upstreams if upstream in guarded]


def _is_administrator() -> bool:
    """Tell whether an administrator types it; a token of theirs may be in anybody's hands."""
    person = current_user
    return acting().via is Via.PORTAL and person.is_authenticated and bool(person.is_admin)


def _checked(upstream: str, field: str) -> str:
    if problem := here().config.upstream_problem(upstream):
        raise FieldError(field, problem)
    return upstream
