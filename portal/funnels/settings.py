"""The pages that build funnels: the list, the builder with its preview, removing one.

Rows are saved by the API's rules (``portal.sites.rows``), and the preview is the API's answer for
the last 28 days.
"""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from portal.api.kept import BY_NAME, list_rows
from portal.dashboard.asking import asker_for
from portal.dashboard.bar import today_of
from portal.dashboard.periods import days_of
from portal.funnels.asking import Answer, ask_funnel
from portal.funnels.forms import BETWEEN, UNITS, WITHIN, FunnelForm, Steps, as_typed
from portal.language import _
from portal.needs import needs
from portal.security import request_id
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.sites.rows import Row, Somebody, complain, remove, row_or_stop, save, somebody_at
from portal.teams.rights import Right
from store.query.funnels import MAX_STEPS

blueprint = Blueprint("funnel_settings", __name__, url_prefix="/sites/<host>/settings/funnels")
FUNNELS = BY_NAME["funnels"]
GOALS = BY_NAME["goals"]
PREVIEW = "28d"


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _editor(host: str) -> Somebody:
    return somebody_at(site_or_stop(host, Right.EDIT_SITE))


def _goals(who: Somebody) -> dict[int, str]:
    return {row["id"]: row["name"] for row in list_rows(reading(), GOALS, who)}


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """List a site's funnels."""
    who = _editor(host)
    return render_template(
        "funnels/settings.html",
        site=who.site,
        funnels=list_rows(reading(), FUNNELS, who),
        goals=_goals(who),
        may_edit=True,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
def new(host: str) -> ResponseReturnValue:
    """Build a funnel."""
    return _build(_editor(host), None)


@blueprint.route("/<int:row_id>", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
def change(host: str, row_id: int) -> ResponseReturnValue:
    """Build on a funnel."""
    who = _editor(host)
    return _build(who, row_or_stop(FUNNELS, who, row_id))


def _build(who: Somebody, row: Row | None) -> ResponseReturnValue:
    form = FunnelForm(data=as_typed(row) if row else None)
    if not form.is_submitted():
        return _form(who, form, Steps(list(row["steps"]) if row else []), row)
    steps, act = Steps.read(request.form.getlist("steps")), request.form.get("act", "save")
    if act != "save":
        steps.act(act)
        preview = _preview(who, form, steps) if act == "preview" else None
        return _form(who, form, steps, row, preview)
    try:
        saved = save(form, FUNNELS, who, form.values(steps.filled), row["id"] if row else None)
    except FieldError as error:
        complain(form, error.field, str(error))
        saved = None
    if saved is None:
        return _form(who, form, steps, row)
    flash(_("“%(name)s” is saved.", name=saved["name"]), "good")
    return redirect(url_for("funnels.page", host=who.site.host, funnel=saved["id"]))


def _form(
    who: Somebody,
    form: FunnelForm,
    steps: Steps,
    row: Row | None,
    preview: Answer | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "funnels/form.html",
        site=who.site,
        form=form,
        row=row,
        steps=steps.shown,
        most=MAX_STEPS,
        goals=_goals(who),
        within=WITHIN,
        between=BETWEEN,
        units=UNITS,
        preview=preview,
        request_id=request_id(),
        may_edit=True,
    )
    return page, 422 if form.errors else 200


@blueprint.get("/preview")
@needs(Right.EDIT_SITE)
def preview(host: str) -> ResponseReturnValue:
    """Follow the funnel that is being built, as a piece of its page."""
    who = _editor(host)
    form = FunnelForm(MultiDict(request.args.items(multi=True)), meta={"csrf": False})
    steps = Steps.read(request.args.getlist("steps"))
    return render_template(
        "funnels/preview.html",
        preview=_preview(who, form, steps),
        request_id=request_id(),
    )


def _preview(who: Somebody, form: FunnelForm, steps: Steps) -> Answer:
    """Ask for what is on the page; what cannot be asked yet is a sentence."""
    goals = _goals(who)
    try:
        values = form.values([step for step in steps.filled if step in goals])
    except FieldError as error:
        return Answer(trouble=str(error))
    written: dict[str, Any] = {
        "steps": [goals[step] for step in values["steps"]],
        "within": values["within"],
        "between": values["between"],
        "window_s": values["window_s"],
    }
    asker = asker_for(who.site, who.user_id)
    days = days_of(PREVIEW, today_of(who.site))
    date_range = [days.first.isoformat(), days.last.isoformat()]
    return ask_funnel(asker, {"funnel": written, "date_range": date_range})


@blueprint.post("/<int:row_id>/delete")
@needs(Right.EDIT_SITE)
def delete(host: str, row_id: int) -> ResponseReturnValue:
    """Remove a funnel."""
    who = _editor(host)
    row = row_or_stop(FUNNELS, who, row_id)
    problem = remove(FUNNELS, who, row_id)
    flash(problem or _("“%(name)s” is gone.", name=row["name"]), "bad" if problem else "good")
    return redirect(url_for("funnel_settings.page", host=who.site.host))
