"""The pages of a site's goals: the list, adding one, changing one, removing one.

Goals that the site's rules name are listed too and changed with the rules. Rows are saved by the
API's rules (``portal.sites.rows``).
"""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.api.kept import BY_NAME, list_rows
from portal.goals.forms import KINDS, GoalForm, as_typed
from portal.goals.known import ruled_goals
from portal.language import _
from portal.needs import needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.sites.rows import Row, Somebody, complain, remove, row_or_stop, save, somebody_at
from portal.teams.rights import Right

blueprint = Blueprint("goals", __name__, url_prefix="/sites/<host>/settings/goals")
GOALS = BY_NAME["goals"]


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _editor(host: str) -> Somebody:
    return somebody_at(site_or_stop(host, Right.EDIT_SITE))


def _page(who: Somebody, form: GoalForm, goal: Row | None = None) -> ResponseReturnValue:
    goals = list_rows(reading(), GOALS, who)
    page = render_template(
        "goals/page.html",
        site=who.site,
        form=form,
        goal=goal,
        goals=goals,
        ruled=ruled_goals(who.site.rules, {row["name"] for row in goals}),
        kinds=KINDS,
        may_edit=True,
    )
    return page, 422 if form.errors else 200


def _saved(form: GoalForm, who: Somebody, row_id: int | None = None) -> Row | None:
    try:
        values: dict[str, Any] = form.values()
    except FieldError as error:
        complain(form, error.field, str(error))
        return None
    return save(form, GOALS, who, values, row_id)


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show a site's goals, and the form of a new one."""
    return _page(_editor(host), GoalForm())


@blueprint.post("")
@needs(Right.EDIT_SITE)
def add(host: str) -> ResponseReturnValue:
    """Add a goal."""
    who, form = _editor(host), GoalForm()
    saved = _saved(form, who)
    if saved is None:
        return _page(who, form)
    flash(_("“%(name)s” is a goal now, of all visits that are kept.", name=saved["name"]), "good")
    return redirect(url_for("goals.page", host=who.site.host))


@blueprint.route("/<int:row_id>", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
def change(host: str, row_id: int) -> ResponseReturnValue:
    """Show and change one goal."""
    who = _editor(host)
    goal = row_or_stop(GOALS, who, row_id)
    form = GoalForm(data=as_typed(goal))
    if not form.is_submitted() or _saved(form, who, row_id) is None:
        return _page(who, form, goal)
    flash(_("Saved. Reports of all periods follow."), "good")
    return redirect(url_for("goals.page", host=who.site.host))


@blueprint.post("/<int:row_id>/delete")
@needs(Right.EDIT_SITE)
def delete(host: str, row_id: int) -> ResponseReturnValue:
    """Remove a goal; the events that reached it stay."""
    who = _editor(host)
    goal = row_or_stop(GOALS, who, row_id)
    problem = remove(GOALS, who, row_id)
    done = _("“%(name)s” is no goal any more. Its events stay.", name=goal["name"])
    flash(problem or done, "bad" if problem else "good")
    return redirect(url_for("goals.page", host=who.site.host))
