"""The pages of segments: the list, saving filters as one, changing one, removing one.

A segment made here is a list of conditions as the dashboard's filters are; one that was made by the
API and says more (``or``, ``has_done``) is shown and changed as JSON. Anybody who sees the site
keeps segments of their own; the whole site's take the right to edit it.
"""

import json
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, TextAreaField

from portal.accounts.signin import me
from portal.api.kept import BY_NAME, list_rows
from portal.dashboard.filters import DIMENSIONS, OPERATORS, Chip, chips_of, read_chips
from portal.language import N_, _
from portal.needs import needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.rows import Row, Somebody, complain, remove, row_or_stop, save, somebody_at
from portal.teams.rights import Right, sites_with

blueprint = Blueprint("segments", __name__, url_prefix="/sites/<host>/settings/segments")
SEGMENTS = BY_NAME["segments"]
_BLANK = 2
"""Empty rows below the conditions, to be filled without a script."""


class SegmentForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A segment's name and whose it is; the conditions are read beside it."""

    name = StringField(N_("Name"))
    shared = BooleanField(N_("For everybody who sees this site"))
    filters = TextAreaField(N_("Filters"))


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _seer(host: str) -> Somebody:
    return somebody_at(site_or_stop(host))


def _may_edit(who: Somebody) -> bool:
    return who.site.id in {site.id for site in sites_with(reading(), me().id, Right.EDIT_SITE)}


@blueprint.get("")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """List the segments that the person may use."""
    who = _seer(host)
    rows = list_rows(reading(), SEGMENTS, who)
    told = [row | {"chips": chips_of(row["filters"])} for row in rows]
    return render_template(
        "segments/page.html", site=who.site, segments=told, may_edit=_may_edit(who)
    )


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Right.VIEW_STATS)
def new(host: str) -> ResponseReturnValue:
    """Save filters as a segment; those of the URL are filled in."""
    who, form = _seer(host), SegmentForm()
    if not form.is_submitted():
        return _form(who, form, read_chips(request.args.getlist("f")))
    saved = _saved(form, who, None)
    if saved is None:
        return _form(who, form, _typed_chips())
    flash(_("“%(name)s” is saved.", name=saved["name"]), "good")
    return redirect(_shown(who, saved["id"]))


@blueprint.route("/<int:row_id>", methods=["GET", "POST"])
@needs(Right.VIEW_STATS)
def change(host: str, row_id: int) -> ResponseReturnValue:
    """Show and change one segment."""
    who = _seer(host)
    row = row_or_stop(SEGMENTS, who, row_id)
    chips = chips_of(row["filters"])
    form = SegmentForm(data=row | {"filters": json.dumps(row["filters"], ensure_ascii=False)})
    if not form.is_submitted():
        return _form(who, form, chips, row)
    if _saved(form, who, row_id) is None:
        return _form(who, form, chips if chips is None else _typed_chips(), row)
    flash(_("Saved."), "good")
    return redirect(url_for("segments.page", host=who.site.host))


@blueprint.post("/<int:row_id>/delete")
@needs(Right.VIEW_STATS)
def delete(host: str, row_id: int) -> ResponseReturnValue:
    """Remove a segment; links that are locked to it end with it."""
    who = _seer(host)
    row = row_or_stop(SEGMENTS, who, row_id)
    problem = remove(SEGMENTS, who, row_id)
    flash(problem or _("“%(name)s” is gone.", name=row["name"]), "bad" if problem else "good")
    return redirect(url_for("segments.page", host=who.site.host))


def _shown(who: Somebody, row_id: int) -> str:
    return url_for("dashboard.overview", host=who.site.host, f=f"is,segment,{row_id}")


def _typed_chips() -> tuple[Chip, ...]:
    """Read the conditions of the form: one value a row, rows of a kind belong together."""
    columns = [request.form.getlist(f"cond_{name}") for name in ("op", "dim", "value")]
    rows = [[part.strip() for part in row] for row in zip(*columns, strict=False)]
    return read_chips([",".join(row) for row in rows if row[2]])


def _saved(form: SegmentForm, who: Somebody, row_id: int | None) -> Row | None:
    values: dict[str, Any] = {
        "name": (form.name.data or "").strip(),
        "shared": bool(form.shared.data),
        "filters": [chip.clause() for chip in _typed_chips()],
    }
    if "cond_value" not in request.form:
        try:
            values["filters"] = json.loads(form.filters.data or "")
        except ValueError:
            complain(form, "filters", _("This is not JSON."))
            return None
    if not values["filters"]:
        complain(form, "filters", _("A segment needs at least one condition."))
        return None
    return save(form, SEGMENTS, who, values, row_id)


def _form(
    who: Somebody, form: SegmentForm, chips: tuple[Chip, ...] | None, row: Row | None = None
) -> ResponseReturnValue:
    conditions = [
        {"op": chip.operator, "dim": chip.dimension, "value": value}
        for chip in chips or ()
        for value in chip.values
    ]
    page = render_template(
        "segments/form.html",
        site=who.site,
        form=form,
        row=row,
        is_plain=chips is not None,
        conditions=[*conditions, *({"op": "is", "dim": "", "value": ""},) * _BLANK],
        dimensions=DIMENSIONS,
        operators=OPERATORS,
        may_edit=_may_edit(who),
    )
    return page, 422 if form.errors else 200
