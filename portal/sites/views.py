"""Pages of sites: the list, adding one, its edge, its settings, its end.

Each change goes through ``portal.commands`` and is then published to the edges.
"""

import logging
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm

from portal.accounts.signin import me
from portal.commands import add_site, remove_site, update_aliases
from portal.config import here
from portal.dashboard.glance import render_glance
from portal.data.holds import hold_of
from portal.language import _
from portal.models import Site, Team
from portal.needs import Who, needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.edge_health import EdgeHealth, put_together
from portal.sites.fields import MODES, FieldError, timezones
from portal.sites.forms import AddSiteForm, SiteSettingsForm, as_typed, split_names
from portal.sites.payload import injection_is_on, set_injection, site_payload
from portal.sites.publishing import publish_sites
from portal.sites.switches import CLIENT_IP, CSP, HTTPS, MEASURES, SALT_PERIODS, change_site
from portal.teams.rights import Right, sites_with, teams_that_wait, teams_with

blueprint = Blueprint("sites", __name__)
log = logging.getLogger(__name__)


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/", endpoint="index")
@blueprint.get("/sites", endpoint="index")
@needs(Who.SIGNED_IN)
def index() -> ResponseReturnValue:
    """List the person's sites."""
    sites = sites_with(reading(), me().id, Right.VIEW_STATS)
    may_add = bool(teams_with(reading(), me().id, Right.ADD_SITE))
    filled = {site.id: render_glance(site) for site in sites} if "inline" in request.args else {}
    return render_template(
        "sites/index.html",
        sites=sites,
        may_add=may_add,
        inline=filled,
        waiting=teams_that_wait(reading(), me().id),
    )


@blueprint.route("/sites/new", methods=["GET", "POST"])
@needs(Right.ADD_SITE)
def new() -> ResponseReturnValue:
    """Add a site to the person's team."""
    teams = teams_with(reading(), me().id, Right.ADD_SITE)
    if not teams:
        abort(403)
    form = AddSiteForm()
    if form.validate_on_submit():
        try:
            host = _add(form, _chosen_team([team.name for team in teams]))
        except FieldError as error:
            _show(form, error)
        else:
            _say(
                publish_sites(),
                _("%(host)s is added, and the edge serves it from now on.", host=host),
            )
            return redirect(url_for("dashboard.overview", host=host))
    page = render_template("sites/new.html", form=form, teams=teams, timezones=timezones())
    return page, 422 if form.errors else 200


def _chosen_team(names: list[str]) -> str:
    chosen = request.form.get("team", names[0])
    if chosen not in names:
        abort(404)
    return chosen


def _add(form: AddSiteForm, team: str) -> str:
    with here().database.writing() as session:
        site = add_site(
            session,
            form.host.data or "",
            form.upstream.data or "",
            timezone=form.timezone.data or "",
            team=team,
            now=here().now(),
        )
        return site.host


@blueprint.route("/sites/<host>/settings", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
def settings(host: str) -> ResponseReturnValue:
    """Show and change a site's settings."""
    site = site_or_stop(host)
    form = SiteSettingsForm(data=as_typed(site))
    if form.validate_on_submit():
        try:
            _change(form, site.id)
        except FieldError as error:
            _show(form, error)
        else:
            _say(publish_sites(), _("Saved, and the edge follows from now on."))
            return redirect(url_for("sites.settings", host=site.host))
    may_delete = site.id in {s.id for s in sites_with(reading(), me().id, Right.DELETE_SITE)}
    page = render_template(
        "sites/settings.html",
        site=site,
        form=form,
        may_delete=may_delete,
        hold=hold_of(reading(), site.id, here().now()),
        scripts=here().config.scripts(site_payload(site)),
        move_to=_move_to(site),
        timezones=timezones(),
        choices={
            "mode": MODES,
            "https": HTTPS,
            "csp": CSP,
            "client_ip": CLIENT_IP,
            "salt_period": SALT_PERIODS,
            "measure": MEASURES,
        },
    )
    return page, 422 if form.errors else 200


def _move_to(site: Site) -> list[Team]:
    """List the other teams to which the person may move a site."""
    if site.id not in {s.id for s in sites_with(reading(), me().id, Right.MOVE_SITE)}:
        return []
    teams = teams_with(reading(), me().id, Right.ADD_SITE)
    return [team for team in teams if team.id != site.team_id]


def _change(form: SiteSettingsForm, site_id: int) -> None:
    with here().database.writing() as session:
        site = session.get_one(Site, site_id)
        update_aliases(session, site, split_names(form.aliases.data))
        change_site(session, site, form.changes())


@blueprint.get("/sites/<host>/edge")
@needs(Right.VIEW_STATS)
def edge(host: str) -> ResponseReturnValue:
    """Show how the edges fare with a site: what carries the script, and why not the rest."""
    site = site_or_stop(host)
    return render_template(
        "sites/edge.html",
        site=site,
        health=_health(site.id),
        injection=injection_is_on(reading()),
        modes=MODES,
        may_edit=site.id in {s.id for s in sites_with(reading(), me().id, Right.EDIT_SITE)},
        may_stop=me().is_admin,
    )


def _health(site_id: int) -> EdgeHealth | None:
    """Put together what the edges say; None while they cannot be asked."""
    config = here().config
    try:
        reports = config.edge_health()
    except Exception:
        log.exception("the edges cannot be asked")
        return None
    now_ms = int(here().now().timestamp() * 1000)
    return put_together(reports, site_id, now_ms, config.edge_reasons)


@blueprint.get("/sites/<host>/events")
@needs(Right.VIEW_STATS)
def events(host: str) -> ResponseReturnValue:
    """Show what became of every event of a site: stored, left out and why, waiting."""
    site = site_or_stop(host)
    return render_template(
        "sites/events.html",
        site=site,
        account=_account(site),
        reasons=here().config.drop_reasons,
        may_edit=site.id in {s.id for s in sites_with(reading(), me().id, Right.EDIT_SITE)},
    )


def _account(site: Site) -> dict[str, Any] | None:
    """Read the account, its minutes by the site's clock; None while it cannot be read."""
    try:
        account = here().config.account(site.id)
    except Exception:
        log.exception("the account cannot be read")
        return None
    zone = ZoneInfo(site.timezone)
    for row in account.get("minutes", ()):
        row["at"] = datetime.fromtimestamp(row["at_s"], zone)
    return account


@blueprint.post("/injection")
@needs(Who.ADMINISTRATOR)
def injection() -> ResponseReturnValue:
    """Throw the kill switch for all sites, or put it back; for administrators."""
    if not me().is_admin:
        abort(403)
    on = request.form.get("state") == "on"
    with here().database.writing() as session:
        set_injection(session, on=on)
    done = (
        _("Pages carry the script again.") if on else _("No page of any site is touched any more.")
    )
    _say(publish_sites(), done)
    return redirect(url_for("sites.edge", host=request.form.get("back", "")))


@blueprint.post("/sites/<host>/delete")
@needs(Right.DELETE_SITE)
def delete(host: str) -> ResponseReturnValue:
    """Delete a site, if its name was typed."""
    site = site_or_stop(host)
    if request.form.get("name", "").strip().lower() != site.host:
        flash(_("Nothing was deleted: type %(host)s to delete it.", host=site.host), "bad")
        return redirect(url_for("sites.settings", host=site.host))
    team_id = site.team_id
    try:
        with here().database.writing() as session:
            key = remove_site(session, session.get_one(Site, site.id), here().now())
    except FieldError as error:
        flash(str(error), "bad")
        return redirect(url_for("sites.settings", host=site.host))
    _say(
        publish_sites(),
        _("%(host)s is deleted, the edge no longer serves it, and its numbers go.", host=site.host),
    )
    return redirect(url_for("certificates.of_team", team_id=team_id, key=key))


def _show(form: FlaskForm, error: FieldError) -> None:
    field = error.field if error.field in form else next(iter(form)).name
    form[field].errors = [*form[field].errors, str(error)]


def _say(warning: str | None, otherwise: str) -> None:
    flash(warning or otherwise, "warn" if warning else "good")
