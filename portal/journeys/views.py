"""The page of journeys: where visits go from a page, or where they came from, as a Sankey drawing.

The numbers are the API's to the same question (``POST /api/v2/journeys``).
"""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.dashboard.asking import told
from portal.dashboard.bar import asker_of, bar_context, state_of, with_added_filter
from portal.dashboard.members import page_look
from portal.dashboard.questions import Asker, base_question
from portal.journeys.drawing import draw
from portal.language import N_
from portal.needs import needs
from portal.security import request_id
from portal.teams.rights import Right
from store.query.journeys import parse_journey_question, run_journeys

blueprint = Blueprint("journeys", __name__)
_OWN = ("dir", "at", "steps", "folders")
"""What the page's own forms put into the URL."""
DIRECTIONS = {"from": N_("onwards from"), "to": N_("on the way to")}
STEPS = range(2, 8)
FOLDERS = {"0": N_("Whole paths"), "1": N_("First folder"), "2": N_("Two folders")}
LIMIT = 8
"""Nodes of a step: more cannot be read in one drawing."""


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/journeys")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """Show the commonest ways of visits."""
    look = page_look(host)
    base = url_for("journeys.page", host=look.site.host)
    if "add_value" in request.args:
        return redirect(with_added_filter(look, base, *_OWN))
    state = state_of(look, *_OWN)
    asker = asker_of(look)
    asked = _asked()
    answer = _ask(asker, base_question(state) | _question(asked))
    trouble = answer if isinstance(answer, str) else ""
    results = [] if isinstance(answer, str) else answer["results"]
    return render_template(
        "journeys/page.html",
        **bar_context(look, state, asker, base),
        asked=asked,
        directions=DIRECTIONS,
        steps=STEPS,
        folders=FOLDERS,
        drawing=draw(results, backwards=asked["dir"] == "to"),
        visits=0 if isinstance(answer, str) else answer["meta"]["visits"],
        trouble=trouble,
        request_id=request_id(),
    )


def _asked() -> dict[str, str]:
    steps = request.args.get("steps", "")
    direction = request.args.get("dir", "")
    folders = request.args.get("folders", "")
    return {
        "dir": direction if direction in DIRECTIONS else "from",
        "at": request.args.get("at", "").strip()[:500],
        "steps": steps if steps in map(str, STEPS) else "4",
        "folders": folders if folders in FOLDERS else "0",
    }


def _question(asked: dict[str, str]) -> dict[str, Any]:
    """Write the question; what begins with a slash or a star is a page, all else an event."""
    at = asked["at"]
    return {
        "direction": asked["dir"],
        "at": {} if not at else {"page" if at.startswith(("/", "*")) else "event": at},
        "steps": int(asked["steps"]),
        "folders": int(asked["folders"]),
        "limit": LIMIT,
    }


def _ask(asker: Asker, payload: dict[str, Any]) -> dict[str, Any] | str:
    def ask() -> dict[str, Any]:
        question = parse_journey_question(payload, asker.site)
        return run_journeys(asker.store, question, asker.site, asker.now)

    return told(ask)
