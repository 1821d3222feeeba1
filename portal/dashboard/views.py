"""The dashboard's addresses for members of a site's team; the pages are ``portal.dashboard.pages``.

The one invariant: the site is found by the person's rights before anything is asked.
"""

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.accounts.signin import me
from portal.dashboard import pages
from portal.dashboard.glance import render_glance
from portal.dashboard.look import Look
from portal.needs import needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.teams.rights import Right, sites_with

blueprint = Blueprint("dashboard", __name__, url_prefix="/sites/<host>")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _look(host: str) -> Look:
    """Find the site, and see of it what a member sees: everything."""
    site = site_or_stop(host)
    return Look(site, url_for("dashboard.overview", host=site.host), person_id=me().id)


@blueprint.get("")
@needs(Right.VIEW_STATS)
def overview(host: str) -> ResponseReturnValue:
    """Show the dashboard: figures and graph at once, cards as they come."""
    site = site_or_stop(host)
    seen = sites_with(reading(), me().id, Right.VIEW_STATS)
    changed = sites_with(reading(), me().id, Right.EDIT_SITE)
    look = Look(
        site,
        url_for("dashboard.overview", host=site.host),
        person_id=me().id,
        may_edit=site.id in {other.id for other in changed},
        sites=tuple(other.host for other in seen),
    )
    return pages.overview(look)


@blueprint.get("/arrived")
@needs(Right.VIEW_STATS)
def arrived(host: str) -> ResponseReturnValue:
    """Tell a page that waits for the first visit to load itself again once it came."""
    return pages.arrived(_look(host))


@blueprint.get("/live")
@needs(Right.VIEW_STATS)
def live(host: str) -> ResponseReturnValue:
    """Give the count of visitors of this moment, as a piece of a page."""
    return pages.live(_look(host))


@blueprint.get("/glance")
@needs(Right.VIEW_STATS)
def glance(host: str) -> ResponseReturnValue:
    """Give a site's entry in the list of sites its numbers."""
    return render_glance(site_or_stop(host))


@blueprint.get("/cards/<name>")
@needs(Right.VIEW_STATS)
def card(host: str, name: str) -> ResponseReturnValue:
    """Give the inside of one card."""
    return pages.card(_look(host), name)


@blueprint.get("/details/<name>/<tab_name>")
@needs(Right.VIEW_STATS)
def details(host: str, name: str, tab_name: str) -> ResponseReturnValue:
    """Show a whole list: searched, sorted, a hundred rows at a time."""
    return pages.details(_look(host), name, tab_name)


@blueprint.get("/details/<name>/<tab_name>.<any(csv, json, xlsx):kind>")
@needs(Right.VIEW_STATS)
def details_file(host: str, name: str, tab_name: str, kind: str) -> ResponseReturnValue:
    """Give a whole list as a file, as it is searched and sorted."""
    return pages.details_file(_look(host), name, tab_name, kind)
