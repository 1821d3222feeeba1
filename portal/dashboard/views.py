"""The dashboard's addresses for members of a site's team; the pages are ``portal.dashboard.pages``.

The one invariant: the site is found by the person's rights before anything is asked.
"""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.dashboard import pages
from portal.dashboard.glance import render_glance
from portal.dashboard.members import example_look, page_look, piece_look
from portal.needs import needs
from portal.sites.access import site_or_stop
from portal.teams.rights import Right

blueprint = Blueprint("dashboard", __name__, url_prefix="/sites/<host>")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.VIEW_STATS)
def overview(host: str) -> ResponseReturnValue:
    """Show the dashboard: figures and graph at once, cards as they come."""
    return pages.overview(page_look(host))


@blueprint.get("/arrived")
@needs(Right.VIEW_STATS)
def arrived(host: str) -> ResponseReturnValue:
    """Tell a page that waits for the first visit to load itself again once it came."""
    return pages.arrived(piece_look(host))


@blueprint.get("/current")
@needs(Right.VIEW_STATS)
def current(host: str) -> ResponseReturnValue:
    """Give the count of visitors of this moment, as a piece of a page."""
    return pages.current(piece_look(host))


@blueprint.get("/foot")
@needs(Right.VIEW_STATS)
def foot(host: str) -> ResponseReturnValue:
    """Give the line at the foot: how much of what was served was reported."""
    return pages.foot(piece_look(host))


@blueprint.get("/glance")
@needs(Right.VIEW_STATS)
def glance(host: str) -> ResponseReturnValue:
    """Give a site's entry in the list of sites its numbers."""
    return render_glance(site_or_stop(host))


@blueprint.get("/cards/<name>")
@needs(Right.VIEW_STATS)
def card(host: str, name: str) -> ResponseReturnValue:
    """Give the inside of one card."""
    return pages.card(piece_look(host), name)


@blueprint.get("/details/<name>/<tab_name>")
@needs(Right.VIEW_STATS)
def details(host: str, name: str, tab_name: str) -> ResponseReturnValue:
    """Show a whole list: searched, sorted, a hundred rows at a time."""
    return pages.details(piece_look(host), name, tab_name)


@blueprint.get("/details/<name>/<tab_name>.<any(csv, json, xlsx):kind>")
@needs(Right.VIEW_STATS)
def details_file(host: str, name: str, tab_name: str, kind: str) -> ResponseReturnValue:
    """Give a whole list as a file, as it is searched and sorted."""
    return pages.details_file(piece_look(host), name, tab_name, kind)


@blueprint.get("/example")
@needs(Right.VIEW_STATS)
def example(host: str) -> ResponseReturnValue:
    """Show what the dashboard will look like, with numbers of a site that was made up."""
    return pages.overview(example_look(host))


@blueprint.get("/example/current")
@needs(Right.VIEW_STATS)
def example_current(host: str) -> ResponseReturnValue:
    """Give the count of this moment of the example."""
    return pages.current(example_look(host))


@blueprint.get("/example/foot")
@needs(Right.VIEW_STATS)
def example_foot(host: str) -> ResponseReturnValue:
    """Give the line at the foot of the example."""
    return pages.foot(example_look(host))


@blueprint.get("/example/cards/<name>")
@needs(Right.VIEW_STATS)
def example_card(host: str, name: str) -> ResponseReturnValue:
    """Give the inside of one card of the example."""
    return pages.card(example_look(host), name)


@blueprint.get("/example/details/<name>/<tab_name>")
@needs(Right.VIEW_STATS)
def example_details(host: str, name: str, tab_name: str) -> ResponseReturnValue:
    """Show a whole list of the example."""
    return pages.details(example_look(host), name, tab_name)
