"""The pages of a site's notes: the list, adding one, changing one, removing one.

A note is an annotation of the API. Anybody who sees the site keeps notes of their own; the whole
site's take the right to edit it.
"""

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from portal.accounts.signin import me
from portal.api.kept import BY_NAME, list_rows
from portal.dashboard.bar import today_of
from portal.language import N_, _
from portal.needs import needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.rows import Row, Somebody, complain, remove, row_or_stop, save, somebody_at
from portal.teams.rights import Right, sites_with

blueprint = Blueprint("notes", __name__, url_prefix="/sites/<host>/notes")
NOTES = BY_NAME["annotations"]


class NoteForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A day and what happened."""

    day = StringField(N_("Day"))
    text = StringField(N_("What happened"))
    shared = BooleanField(N_("For everybody who sees this site"))


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _seer(host: str) -> Somebody:
    return somebody_at(site_or_stop(host))


def _page(who: Somebody, form: NoteForm, note: Row | None = None) -> ResponseReturnValue:
    may_edit = who.site.id in {site.id for site in sites_with(reading(), me().id, Right.EDIT_SITE)}
    rows = sorted(list_rows(reading(), NOTES, who), key=lambda row: row["day"], reverse=True)
    notes = [{**row, "day": date.fromisoformat(row["day"])} for row in rows]
    page = render_template(
        "notes/page.html", site=who.site, form=form, note=note, notes=notes, may_edit=may_edit
    )
    return page, 422 if form.errors else 200


def _saved(form: NoteForm, who: Somebody, row_id: int | None = None) -> Row | None:
    try:
        day = date.fromisoformat(form.day.data or "")
    except ValueError:
        complain(form, "day", _("Type a day such as 2026-11-28."))
        return None
    text = (form.text.data or "").strip()
    values = {"day": day, "text": text, "shared": bool(form.shared.data)}
    return save(form, NOTES, who, values, row_id)


@blueprint.get("")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """Show the notes, and the form of a new one; the URL may name its day."""
    who = _seer(host)
    day = request.args.get("day", "") or today_of(who.site).isoformat()
    return _page(who, NoteForm(data={"day": day}))


@blueprint.post("")
@needs(Right.VIEW_STATS)
def add(host: str) -> ResponseReturnValue:
    """Add a note."""
    who, form = _seer(host), NoteForm()
    if _saved(form, who) is None:
        return _page(who, form)
    flash(_("The note stands at its day in the graphs."), "good")
    return redirect(url_for("notes.page", host=who.site.host))


@blueprint.route("/<int:row_id>", methods=["GET", "POST"])
@needs(Right.VIEW_STATS)
def change(host: str, row_id: int) -> ResponseReturnValue:
    """Show and change one note."""
    who = _seer(host)
    note = row_or_stop(NOTES, who, row_id)
    form = NoteForm(data=note)
    if not form.is_submitted() or _saved(form, who, row_id) is None:
        return _page(who, form, note)
    flash(_("Saved."), "good")
    return redirect(url_for("notes.page", host=who.site.host))


@blueprint.post("/<int:row_id>/delete")
@needs(Right.VIEW_STATS)
def delete(host: str, row_id: int) -> ResponseReturnValue:
    """Remove a note."""
    who = _seer(host)
    row_or_stop(NOTES, who, row_id)
    problem = remove(NOTES, who, row_id)
    flash(problem or _("The note is gone."), "bad" if problem else "good")
    return redirect(url_for("notes.page", host=who.site.host))
