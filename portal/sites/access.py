"""The site a page is about, if the person may see it, and as the query engine knows it."""

from flask import abort

from portal.accounts.signin import me
from portal.models import Site
from portal.sessions import reading
from portal.teams.rights import Right, find_site
from store.query.model import QuerySite


def site_or_stop(host: str, right: Right = Right.VIEW_STATS) -> Site:
    """Find the site; 404 if it is not the person's, 403 if it is but the right is lacking."""
    site = find_site(reading(), me().id, host, right)
    if site is not None:
        return site
    seen = find_site(reading(), me().id, host, Right.VIEW_STATS)
    return abort(404 if seen is None else 403)


def query_site(site: Site) -> QuerySite:
    """Give a site as the query engine asks about it."""
    return QuerySite(
        id=site.id, host=site.host, timezone=site.timezone, salt_period=site.salt_period
    )
