"""The site a page is about, if the person may see it, and as the query engine knows it."""

from dataclasses import replace

from flask import abort, url_for

from portal.accounts.signin import lead, me
from portal.goals.known import funnels_of, goals_of, segments_of
from portal.models import Site
from portal.needs import declared_right
from portal.sessions import reading
from portal.teams.rights import Right, find_site, waits_for_factor
from store.query.model import QuerySite


def site_or_stop(host: str, right: Right | None = None) -> Site:
    """Find the site, if the person holds the right that the route needs, or another one.

    404 if the site is not the person's to see, 403 if it is but the right is lacking. Where only
    the second factor is missing that the team asks for, lead to setting one up.
    """
    site = find_site(reading(), me().id, host, right or declared_right())
    if site is not None:
        return site
    if waits_for_factor(reading(), me().id, host):
        return abort(lead(url_for("factors.page")))
    seen = find_site(reading(), me().id, host, Right.VIEW_STATS)
    return abort(404 if seen is None else 403)


def query_site(site: Site, user_id: int | None = None) -> QuerySite:
    """Give a site as the query engine asks about it, with what this person may name."""
    session = reading()
    goals = goals_of(session, site)
    return QuerySite(
        id=site.id,
        host=site.host,
        timezone=site.timezone,
        salt_period=site.salt_period,
        goals=goals,
        segments=segments_of(session, site.id, user_id),
    )


def query_site_with_funnels(site: Site, user_id: int | None = None) -> QuerySite:
    """Give a site with its saved funnels, which only a question for one needs."""
    found = query_site(site, user_id)
    return replace(found, funnels=funnels_of(reading(), site.id, found.goals))
