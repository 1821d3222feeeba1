"""The page of retention: cohorts by the day, week or month in which they came first.

The numbers are the API's to the same question (``POST /api/v2/retention``), and so is the sentence
that says for how long a visitor can be known.
"""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.dashboard.asking import told
from portal.dashboard.bar import asker_of, bar_context, state_of, with_added_filter
from portal.dashboard.members import page_look
from portal.dashboard.questions import Asker, base_question
from portal.language import N_, _
from portal.needs import needs
from portal.security import request_id
from portal.teams.rights import Right
from store.query.retention import parse_retention_question, run_retention

blueprint = Blueprint("retention", __name__)
_OWN = ("unit", "first", "again")
"""What the page's own forms put into the URL."""
NOTES = {
    "day": N_(
        "This site knows a visitor again for one day only, so nobody can be seen to come back on "
        "another. A salt of a week or a month (salt_period) would tell more."
    ),
    "week": N_("Visitors are known again within one week; what lies beyond cannot be told."),
    "month": N_("Visitors are known again within one month; what lies beyond cannot be told."),
}
"""What the API says of how long a visitor is known, by the salt period."""
WORDS = (N_("day"), N_("week"), N_("month"))
"""Units as the grid's head reads them out."""
UNITS = {"day": N_("Days"), "week": N_("Weeks"), "month": N_("Months")}
LEVELS = 10
"""Shades of a cell, from nobody to everybody."""


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/retention")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """Show who came again."""
    look = page_look(host)
    base = url_for("retention.page", host=look.site.host)
    if "add_value" in request.args:
        return redirect(with_added_filter(look, base, *_OWN))
    state = state_of(look, *_OWN)
    asker = asker_of(look)
    goals = [goal.name for goal in asker.site.goals]
    asked = _asked(goals)
    answer = _ask(asker, base_question(state) | {k: v for k, v in asked.items() if v})
    trouble = answer if isinstance(answer, str) else ""
    today = asker.now.astimezone(ZoneInfo(asker.site.timezone)).date()
    found = [] if isinstance(answer, str) else answer["results"]
    rows = [_told(row, asked["unit"], today) for row in found]
    return render_template(
        "retention/page.html",
        **bar_context(look, state, asker, base),
        asked=asked,
        units=UNITS,
        goals=goals,
        rows=rows,
        width=max((len(row["cells"]) for row in rows), default=0),
        note=_(NOTES[asker.site.salt_period]),
        forgotten=not trouble and asker.site.salt_period == "day",
        trouble=trouble,
        request_id=request_id(),
    )


def _asked(goals: list[str]) -> dict[str, str]:
    unit = request.args.get("unit", "")
    chosen = {name: request.args.get(name, "") for name in ("first", "again")}
    return {
        "unit": unit if unit in UNITS else "week",
        **{name: goal if goal in goals else "" for name, goal in chosen.items()},
    }


def _ask(asker: Asker, payload: dict[str, Any]) -> dict[str, Any] | str:
    def ask() -> dict[str, Any]:
        question = parse_retention_question(payload, asker.site)
        return run_retention(asker.store, question, asker.site, asker.now)

    return told(ask)


def _told(row: dict[str, Any], unit: str, today: date) -> dict[str, Any]:
    """Give each cell its shade, and say of which the day, week or month is not over."""
    began = date.fromisoformat(row["cohort"])
    cells = [
        {
            "rate": rate,
            "returned": returned,
            "level": _level(rate),
            "unfinished": _later(began, unit, offset + 1) > today,
        }
        for offset, (rate, returned) in enumerate(zip(row["rates"], row["returned"], strict=True))
    ]
    return {"cohort": row["cohort"], "visitors": row["visitors"], "cells": cells}


def _later(day: date, unit: str, count: int) -> date:
    """Give the day so many days, weeks or months (from the first of one) later."""
    if unit == "month":
        years, month = divmod(day.month - 1 + count, 12)
        return date(day.year + years, month + 1, 1)
    return day + timedelta(days=count * (7 if unit == "week" else 1))


def _level(rate: float) -> int:
    return min(LEVELS - 1, int(rate * LEVELS / 100) + 1) if rate else 0
