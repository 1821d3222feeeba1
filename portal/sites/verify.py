"""The page that looks at a site through the edge and says in plain words what is wrong.

What is looked at is ``PortalConfig.verify``'s. The one invariant: it looks only when somebody who
may change the site asks, and not too often.
"""

import logging

from flask import Blueprint, flash, render_template
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.accounts.signin import me
from portal.config import here
from portal.language import _
from portal.models import Site
from portal.needs import needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.payload import injection_is_on, site_payload
from portal.sites.verification import Check, Found
from portal.teams.rights import Right

log = logging.getLogger(__name__)
blueprint = Blueprint("verify", __name__)


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/verify")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show what would be looked at."""
    return _show(site_or_stop(host, Right.EDIT_SITE), None)


@blueprint.post("/sites/<host>/verify")
@needs(Right.EDIT_SITE)
def look(host: str) -> ResponseReturnValue:
    """Look, and show what was found."""
    site = site_or_stop(host, Right.EDIT_SITE)
    if wait_s := here().verify_limit.take(str(me().id), here().now().timestamp()):
        flash(_("Too many looks: wait %(wait_s)s seconds, then try again.", wait_s=wait_s), "bad")
        return _show(site, None), 429
    return _show(site, _look(site))


def _look(site: Site) -> list[Check]:
    payload, on = site_payload(site), injection_is_on(reading())
    try:
        return here().config.verify(payload, on, me().is_admin)
    except Exception:
        log.exception("the site could not be looked at")
        said = _("The look failed; the portal's log says why.")
        return [Check(_("The look itself"), Found.WRONG, "failed", said)]


def _show(site: Site, checks: list[Check] | None) -> str:
    return render_template("sites/verify.html", site=site, checks=checks, may_edit=True)
