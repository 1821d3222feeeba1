"""The page on the capture rate: what was served to people, what was confirmed, where the rest is.

Numbers are ``store.query.capture``'s; here are the period, the words for each part, and what is
said when the store is away. The one invariant: the parts shown add up to the whole shown.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.behaviour.asking import Asked, read_asked, render_figures
from portal.dashboard.periods import Days
from portal.dashboard.places import shown as place_name
from portal.language import N_, _
from portal.models import Site
from portal.needs import needs
from portal.teams.rights import Right
from portal.writing import weekday
from store.client import StoreError, StoreUnavailable
from store.query.capture import By, Capture, capture_report
from store.query.ranges import midnight

log = logging.getLogger(__name__)
blueprint = Blueprint("capture", __name__)

TABS = {
    By.DAY: N_("Days"),
    By.PAGES: N_("Pages"),
    By.BROWSER: N_("Browsers"),
    By.COUNTRY: N_("Countries"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what was served, as it is named and coloured."""

    name: str
    label: str
    meaning: str


PARTS = (
    Part("confirmed", N_("Confirmed"), N_("The script reported the view.")),
    Part(
        "not_fetched",
        N_("Script never ran"),
        N_(
            "The visitor's browser did not fetch the script that day and sent nothing: a filter "
            "list, no JavaScript, or a program that looks like a browser."
        ),
    ),
    Part(
        "no_beacon",
        N_("No report"),
        N_(
            "The browser has the script, and no view arrived: a filter list that stops the report, "
            "a visitor who left at once, a line that broke."
        ),
    ),
    Part(
        "meta_policy",
        N_("Barred by the page"),
        N_("A Content Security Policy in the page's own markup forbids the report."),
    ),
    Part(
        "refused",
        N_("Asked not to be counted"),
        N_("Do Not Track, Global Privacy Control, opt-out."),
    ),
    Part(
        "cacheable",
        N_("Not measurable"),
        N_(
            "A cache may show the page again without asking, or it came over plain HTTP: whether "
            "this very view was reported cannot be told."
        ),
    ),
    Part(
        "untagged",
        N_("Without the script"),
        N_("The edge did not put it in; the Edge page says why."),
    ),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: the whole, and its rows."""

    whole: Capture
    rows: list[Capture]


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/capture")
@needs(Right.VIEW_STATS)
def capture(host: str) -> ResponseReturnValue:
    """Show how much of what was served the script confirmed."""
    asked = read_asked(host, "by", dimensions={})
    by = By(_chosen("by", list(TABS), By.DAY))
    return render_figures(
        "sites/capture.html",
        asked,
        "capture",
        report=_report(asked, by),
        tabs=TABS,
        by=by,
        parts=PARTS,
        part_of=_shown,
    )


def _chosen(name: str, known: list[Any], otherwise: str) -> str:
    value = request.args.get(name, otherwise)
    return value if value in known else otherwise


def _report(asked: Asked, by: By) -> Report | None:
    """Ask for the numbers; None while the store does not answer."""
    start, end = moments_of(asked.site, asked.state.days)
    question = (asked.asker.store, asked.asker.site, start, end)
    try:
        whole = capture_report(*question)
        return Report(whole[0] if whole else Capture(""), capture_report(*question, by))
    except (StoreUnavailable, StoreError) as error:
        log.warning("the capture rate cannot be read: %s", error)
        return None


def moments_of(site: Site, days: Days) -> tuple[datetime, datetime]:
    """Give the first moment of a stretch of the site's days, and the one after its last."""
    zone = ZoneInfo(site.timezone)
    return midnight(days.first, zone), midnight(days.last + timedelta(days=1), zone)


def _shown(by: By, key: str) -> str:
    if by is By.DAY:
        return weekday(date.fromisoformat(key))
    if by is By.COUNTRY and key:
        return place_name("country", key)
    return key or _("Unknown")
