"""Pages for administrators of the installation: its people, teams, sites and parts.

The one invariant: they show that a site is there and how it is served, never its numbers; those
are opened by a membership alone (``docs/rights.md``).
"""

import logging
from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from sqlalchemy.orm import Session

from portal.accounts.signin import freshly, me
from portal.admin import people
from portal.admin.banner import LEVELS, MAX_TEXT, banner_of, set_banner
from portal.admin.operations import Queues
from portal.commands import CommandError
from portal.config import here
from portal.language import N_, _
from portal.models import User
from portal.needs import Who, needs
from portal.sessions import reading
from portal.sites.fields import MODES
from portal.sites.publishing import publish_sites

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
log = logging.getLogger(__name__)
_MAX_PAGE = 100_000
_LISTS: dict[str, Callable[[Session, str, int], people.Page]] = {
    "people": people.find_people,
    "teams": people.find_teams,
    "sites": people.find_sites,
}


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_administrators() -> None:
    """Let nobody in but administrators of the installation."""
    if not me().is_admin:
        abort(403)


@blueprint.get("")
@needs(Who.ADMINISTRATOR)
def overview() -> ResponseReturnValue:
    """Show versions, what waits, and the banner."""
    return render_template(
        "admin/overview.html",
        versions=here().config.operations.versions(),
        queues=_queues(),
        text=(banner_of(reading()) or {"text": "", "level": "note"}),
        levels=LEVELS,
        max_text=MAX_TEXT,
    )


def _queues() -> Queues | None:
    """Read the queues; None while the buffer is away."""
    try:
        return here().config.operations.queues()
    except Exception:
        log.exception("the queues cannot be read")
        return None


@blueprint.get("/health")
@needs(Who.ADMINISTRATOR)
def health() -> ResponseReturnValue:
    """Check every part, as ``statflow doctor`` does."""
    return render_template("admin/health.html", findings=here().config.operations.examine())


@blueprint.get("/queues")
@needs(Who.ADMINISTRATOR)
def queues() -> ResponseReturnValue:
    """Show every shard of the buffer."""
    return render_template("admin/queues.html", queues=_queues())


@blueprint.get("/settings")
@needs(Who.ADMINISTRATOR)
def settings() -> ResponseReturnValue:
    """Show the settings in force."""
    return render_template("admin/settings.html", rows=here().config.operations.settings())


@blueprint.get("/<any(people, teams, sites):kind>")
@needs(Who.ADMINISTRATOR)
def listing(kind: str) -> ResponseReturnValue:
    """List people, teams or sites; found by a part of their name."""
    text = request.args.get("q", "").strip()[:254]
    number = min(max(request.args.get("page", 0, type=int), 0), _MAX_PAGE)
    return render_template(
        f"admin/{kind}.html",
        kind=kind,
        text=text,
        page=_LISTS[kind](reading(), text, number),
        address=lambda page: url_for("admin.listing", kind=kind, q=text or None, page=page),
        modes=MODES,
        my_id=me().id,
    )


@blueprint.post("/people/<int:user_id>/<any(lock, unlock):act>")
@needs(Who.ADMINISTRATOR)
def lock(user_id: int, act: str) -> ResponseReturnValue:
    """Lock an account or unlock it; the edges forget or learn its tokens for events."""
    locked = act == "lock"
    answer = _change(
        lambda session: people.set_disabled(session, user_id, me().id, disabled=locked),
        N_("%(email)s can no longer sign in, and is signed out everywhere.")
        if locked
        else N_("%(email)s can sign in again."),
    )
    if warning := publish_sites():
        flash(warning, "warn")
    return answer


@blueprint.post("/people/<int:user_id>/<any(make, unmake):act>-administrator")
@needs(Who.ADMINISTRATOR)
@freshly
def administrator(user_id: int, act: str) -> ResponseReturnValue:
    """Make somebody an administrator, or no longer."""
    admin = act == "make"
    return _change(
        lambda session: people.set_admin(session, user_id, me().id, admin=admin),
        N_("%(email)s is an administrator now.")
        if admin
        else N_("%(email)s is no administrator any more."),
    )


@blueprint.post("/people/<int:user_id>/sign-out")
@needs(Who.ADMINISTRATOR)
def sign_out(user_id: int) -> ResponseReturnValue:
    """End every session of somebody."""
    return _change(
        lambda session: people.end_all_sessions(session, user_id, me().id),
        N_("%(email)s is signed out everywhere."),
    )


def _change(act: Callable[[Session], User], done: str) -> ResponseReturnValue:
    try:
        with here().database.writing() as session:
            user = act(session)
    except CommandError as error:
        flash(str(error), "bad")
    else:
        flash(_(done, email=user.email), "good")
    query = request.form.get("q", "")[:254] or None
    return redirect(url_for("admin.listing", kind="people", q=query))


@blueprint.post("/banner")
@needs(Who.ADMINISTRATOR)
def banner() -> ResponseReturnValue:
    """Show a line to everybody who is signed in, or take it away."""
    try:
        with here().database.writing() as session:
            set_banner(session, request.form.get("text", ""), request.form.get("level", "note"))
    except CommandError as error:
        flash(str(error), "bad")
    return redirect(url_for("admin.overview"))
