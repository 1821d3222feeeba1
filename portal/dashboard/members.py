"""A site as a member of its team looks at it: everything, and what they may do with it."""

from dataclasses import replace

from flask import url_for

from portal.accounts.signin import me
from portal.dashboard.look import Look
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.teams.rights import Right, sites_with


def piece_look(host: str) -> Look:
    """Find the site for a piece of a page, which needs no menus."""
    site = site_or_stop(host)
    return Look(site, url_for("dashboard.overview", host=site.host), person_id=me().id)


def page_look(host: str) -> Look:
    """Find the site for a whole page, whose menus depend on what the person may change."""
    site = site_or_stop(host)
    changed = sites_with(reading(), me().id, Right.EDIT_SITE)
    return Look(
        site,
        url_for("dashboard.overview", host=site.host),
        person_id=me().id,
        may_edit=site.id in {other.id for other in changed},
    )


def example_look(host: str) -> Look:
    """Look at a site that was made up, in the place of one's own."""
    look = page_look(host)
    return replace(look, home=url_for("dashboard.example", host=look.site.host), is_example=True)


def hosts_to_switch_to() -> list[str]:
    """List the sites that the person may change to, for the menu of sites."""
    return [site.host for site in sites_with(reading(), me().id, Right.VIEW_STATS)]
