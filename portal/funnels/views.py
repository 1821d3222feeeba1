"""The page of a site's funnels: bars, where people drop off, and the same by a dimension.

The numbers are the API's to the same question (``POST /api/v2/funnel``).
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.dashboard.bar import asker_of, bar_context, state_of, with_added_filter
from portal.dashboard.filters import DIMENSIONS, GOAL, query_name
from portal.dashboard.members import page_look
from portal.dashboard.questions import base_question
from portal.funnels.asking import Answer, ask_funnel
from portal.needs import needs
from portal.security import request_id
from portal.teams.rights import Right
from store.query.goals import Funnel

blueprint = Blueprint("funnels", __name__)
_OWN = ("funnel", "by")
"""What the page's own forms put into the URL."""
BY = {name: label for name, (_, label) in DIMENSIONS.items() if name not in {GOAL, "event"}}
"""What a funnel may be broken down by; its steps are goals already."""
ROWS = 20


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/funnels")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """Show one of a site's funnels, and the others to choose."""
    look = page_look(host)
    base = url_for("funnels.page", host=look.site.host)
    if "add_value" in request.args:
        return redirect(with_added_filter(look, base, *_OWN))
    state = state_of(look, *_OWN)
    asker = asker_of(look, funnels=True)
    funnels = asker.site.funnels
    funnel = _chosen(funnels)
    by = request.args.get("by", "")
    by = by if by in BY else ""
    answer = Answer()
    if funnel:
        dimensions = [query_name(by)] if by else []
        asked = {"funnel": funnel.id, "dimensions": dimensions, "limit": ROWS}
        answer = ask_funnel(asker, base_question(state) | asked)
    return render_template(
        "funnels/page.html",
        **bar_context(look, state, asker, base),
        funnels=funnels,
        funnel=funnel,
        answer=answer,
        by=by,
        by_choices=BY,
        request_id=request_id(),
    )


def _chosen(funnels: tuple[Funnel, ...]) -> Funnel | None:
    """Find the funnel of the URL, else the first."""
    wanted = request.args.get("funnel", "")
    found = next((funnel for funnel in funnels if str(funnel.id) == wanted), None)
    return found or next(iter(funnels), None)
