"""The page of a site's data: how much there is, raw events as a file, holds, and erasing.

Erasing is asked for here and carried out by the writer of the site's shard (``statflow.erasing``).
It takes two steps: first it is counted what would go, then the site's name has to be typed. The one
invariant: nothing is asked for without the name, and nothing at all under a hold.
"""

import logging

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.accounts.signin import me
from portal.config import here
from portal.data.certificates import TABLES
from portal.data.download import give_events
from portal.data.forms import (
    FILE_KINDS,
    DownloadForm,
    EraseForm,
    HoldForm,
    read_chosen,
    read_conditions,
    read_day,
)
from portal.data.holds import hold_of, holds_of, last_day_of, lift_hold, refuse_held, set_hold
from portal.data.requests import Chosen, ask_erasure, requests_of
from portal.language import N_, _
from portal.models import Site
from portal.needs import needs
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.sites.rows import complain
from portal.teams.rights import Right, sites_with
from store.client import StoreError, StoreUnavailable
from store.stored import Stored, stored_rows

blueprint = Blueprint("data", __name__, url_prefix="/sites/<host>/data")
log = logging.getLogger(__name__)
_WORDS = {
    "after_ms": N_("first day"),
    "before_ms": N_("last day"),
    "path": N_("pages"),
    "prop": N_("property"),
    "value": N_("its value"),
    "visitor": N_("visitor"),
}


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show what is kept, holds, and what was erased."""
    return _page(site_or_stop(host))


def _page(
    site: Site,
    erase: EraseForm | None = None,
    hold: HoldForm | None = None,
    download: DownloadForm | None = None,
) -> ResponseReturnValue:
    """Show the page; forms that were not sent are as they begin."""
    now, blank = here().now(), {"formdata": None}
    erase, hold = erase or EraseForm(**blank), hold or HoldForm(**blank)
    download = download or DownloadForm(prefix="raw-", **blank)
    shown = render_template(
        "data/page.html",
        site=site,
        stored=_stored(site),
        tables=TABLES,
        hold=hold_of(reading(), site.id, now),
        holds=holds_of(reading(), site.id),
        requests=requests_of(reading(), site.id),
        may_erase=_may(site, Right.ERASE_DATA),
        may_download=_may(site, Right.DOWNLOAD_EVENTS),
        now=now,
        last_day=lambda held: last_day_of(held, site.timezone),
        by=lambda asked: ", ".join(_(_WORDS[name]) for name in asked.chosen),
        erase_form=erase,
        hold_form=hold,
        download_form=download,
        file_kinds=FILE_KINDS,
    )
    return shown, 422 if erase.errors or hold.errors or download.errors else 200


def _may(site: Site, right: Right) -> bool:
    return site.id in {s.id for s in sites_with(reading(), me().id, right)}


def _stored(site: Site) -> list[Stored] | None:
    """Count what is kept; None while the store does not answer."""
    try:
        found = {row.table: row for row in stored_rows(here().store, site.id)}
        return [found[name] for name in TABLES if name in found]
    except (StoreError, StoreUnavailable):
        log.warning("what is kept of a site cannot be counted")
        return None


@blueprint.post("/download")
@needs(Right.DOWNLOAD_EVENTS)
def download(host: str) -> ResponseReturnValue:
    """Give raw events as a file, piece by piece; who took which is recorded first."""
    site, form = site_or_stop(host), DownloadForm(prefix="raw-")
    try:
        chosen = read_conditions(form, site.timezone)
    except FieldError as error:
        complain(form, error.field, str(error))
        return _page(site, download=form)
    if form.form.data not in FILE_KINDS:
        abort(400)
    return give_events(site, chosen, form.form.data)


@blueprint.post("/erase")
@needs(Right.ERASE_DATA)
def erase(host: str) -> ResponseReturnValue:
    """Count what would go; with the site's name typed, ask for it to go."""
    site, form = site_or_stop(host), EraseForm()
    try:
        chosen = read_chosen(form, site.timezone)
        refuse_held(reading(), site.id, here().now())
    except FieldError as error:
        complain(form, error.field, str(error))
        return _page(site, form)
    if "confirm" not in request.form:
        return _preview(site, form, chosen)
    if request.form["confirm"].strip().lower() != site.host:
        return _preview(
            site, form, chosen, problem=_("Nothing was erased: type %(host)s.", host=site.host)
        )
    return _ask(site, chosen, form.reason.data or "")


def _preview(site: Site, form: EraseForm, chosen: Chosen, problem: str = "") -> ResponseReturnValue:
    try:
        counts = here().config.count_chosen(site.id, site.timezone, chosen, here().now())
    except Exception:
        log.exception("what would be erased cannot be counted")
        flash(
            _("What would go cannot be counted just now, so nothing was erased. Try again."), "bad"
        )
        return redirect(url_for("data.page", host=site.host))
    shown = render_template(
        "data/preview.html",
        site=site,
        form=form,
        chosen=chosen,
        counts=counts,
        tables=TABLES,
        problem=problem,
    )
    return shown, 422 if problem else 200


def _ask(site: Site, chosen: Chosen, reason: str) -> ResponseReturnValue:
    try:
        with here().database.writing() as session:
            own = session.get_one(Site, site.id)
            key = ask_erasure(session, own, chosen, here().now(), reason=reason).key
    except FieldError as error:  # A hold that was set meanwhile.
        flash(str(error), "bad")
        return redirect(url_for("data.page", host=site.host))
    flash(
        _("It is asked for. The certificate is here once it is done, in seconds or minutes."),
        "good",
    )
    return redirect(url_for("certificates.of_team", team_id=site.team_id, key=key))


@blueprint.post("/hold")
@needs(Right.ERASE_DATA)
def hold(host: str) -> ResponseReturnValue:
    """Hold everything of a site through a day."""
    site, form = site_or_stop(host), HoldForm()
    try:
        last = read_day("until", form.until.data or "")
        with here().database.writing() as session:
            own = session.get_one(Site, site.id)
            set_hold(session, own, last, form.reason.data or "", here().now())
    except FieldError as error:
        complain(form, error.field, str(error))
        return _page(site, hold=form)
    flash(
        _(
            "Held: nothing of %(host)s goes up to %(isoformat)s.",
            host=site.host,
            isoformat=last.isoformat(),
        ),
        "good",
    )
    return redirect(url_for("data.page", host=site.host, _anchor="hold"))


@blueprint.post("/hold/<int:row_id>/lift")
@needs(Right.ERASE_DATA)
def lift(host: str, row_id: int) -> ResponseReturnValue:
    """Lift a hold before its end."""
    site = site_or_stop(host)
    try:
        with here().database.writing() as session:
            lift_hold(session, site.id, row_id, here().now())
    except FieldError as error:
        flash(str(error), "bad")
    else:
        flash(_("The hold is lifted: what is too old goes within a day."), "good")
    end_reading()
    return redirect(url_for("data.page", host=site.host, _anchor="hold"))
