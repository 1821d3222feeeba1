"""What can be watched: one ordered list, each with what it measures and when that is trouble.

A kind asks the store for one number; None means that there is too little to say anything. What a
number means is ``docs/reports.md``. Pure, but for the questions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.dashboard.figures import full
from portal.dashboard.questions import Asker
from store.query.capture import capture_report
from store.query.run import current_visitors
from store.query.watch import (
    Window,
    count_visitors,
    failed_documents,
    missing_documents,
    slow_paint,
    visitors_with_errors,
)

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_USUAL_VISITORS = 10
_ENOUGH_DOCUMENTS = 50
_ENOUGH_VISITORS = 20
_ENOUGH_MEASURED = 100
_ENOUGH_VIEWS = 50
_PAGES_NAMED = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found: the number, and a sentence that says it."""

    value: float
    said: str


type Measure = Callable[[Asker, str], Measured | None]
"""The site and moment to ask about, the goal's name → what was found."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing to watch; trouble is a value at or over the threshold, or with ``below`` under it.

    Units: ``every_s`` is the time between looks; ``usual`` is the threshold offered.
    """

    name: str
    label: str
    title: str
    unit: str
    usual: float
    every_s: int
    measure: Measure
    below: bool = False

    def is_trouble(self, value: float, threshold: float) -> bool:
        """Tell whether somebody is to be told."""
        return value < threshold if self.below else value >= threshold


def _window(asker: Asker, length: timedelta, end: datetime | None = None) -> Window:
    end = end or asker.now
    return Window(asker.site.id, end - length, end)


def _spike(asker: Asker, _goal: str) -> Measured:
    found = current_visitors(asker.store, asker.site.id, asker.now)
    return Measured(found, f"{full(found)} visitors in the last 5 minutes.")


def _drop(asker: Asker, _goal: str) -> Measured | None:
    found = count_visitors(asker.store, _window(asker, 12 * _HOUR))
    week = count_visitors(asker.store, _window(asker, 7 * _DAY, asker.now - 12 * _HOUR))
    if week < _USUAL_VISITORS:
        return None
    said = f"{full(found)} visitors in the last 12 hours; in the seven days before: {full(week)}."
    return Measured(found, said)


def _goal(asker: Asker, goal: str) -> Measured | None:
    if goal not in {known.name for known in asker.site.goals}:
        return None
    moments = [(asker.now - _DAY).isoformat(), asker.now.isoformat()]
    filters = [["is", "event:goal", [goal]]]
    asked = asker.ask({"metrics": ["visitors"], "date_range": moments, "filters": filters})
    found = asked.results[0]["metrics"][0]
    return Measured(found, f"{full(found)} visitors reached “{goal}” in the last 24 hours.")


def _server_errors(asker: Asker, _goal: str) -> Measured | None:
    failed, served = failed_documents(asker.store, _window(asker, _HOUR))
    if served < _ENOUGH_DOCUMENTS:
        return None
    said = f"{full(failed)} of {full(served)} pages were answered with an error of the server"
    return Measured(100 * failed / served, f"{said} in the last hour.")


def _script_errors(asker: Asker, _goal: str) -> Measured | None:
    failed, visitors = visitors_with_errors(asker.store, _window(asker, _HOUR))
    if visitors < _ENOUGH_VISITORS:
        return None
    said = f"{full(failed)} of {full(visitors)} visitors met an error of a script"
    return Measured(100 * min(failed / visitors, 1), f"{said} in the last hour.")


def _capture(asker: Asker, _goal: str) -> Measured | None:
    found = capture_report(asker.store, asker.site, asker.now - _DAY, asker.now)
    whole = found[0] if found else None
    if whole is None or whole.rate is None or whole.measured < _ENOUGH_MEASURED:
        return None
    said = f"{full(whole.confirmed)} of {full(whole.measured)} page views were confirmed"
    return Measured(100 * whole.rate, f"{said} by the script in the last 24 hours.")


def _broken(asker: Asker, _goal: str) -> Measured:
    pages = missing_documents(asker.store, _window(asker, _DAY))
    times = sum(count for _, count in pages)
    most = ", ".join(f"{page} ({full(count)})" for page, count in pages[:_PAGES_NAMED])
    said = f"People met {full(times)} missing pages in the last 24 hours"
    return Measured(times, f"{said}: {most}." if most else f"{said}.")


def _slow(asker: Asker, _goal: str) -> Measured | None:
    value, views = slow_paint(asker.store, _window(asker, _DAY))
    if views < _ENOUGH_VIEWS:
        return None
    said = f"A quarter of {full(views)} page views took {full(round(value))} ms or longer"
    return Measured(value, f"{said} to show their largest part in the last 24 hours.")


_SOON_S = 60
_LATER_S = 600
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("spike", "Many visitors at once", "Many visitors", "visitors", 50, _SOON_S, _spike),
        Kind("drop", "Traffic is gone", "Few visitors", "visitors", 1, _LATER_S, _drop, below=True),
        Kind("goal", "A goal is reached", "Goal reached", "visitors", 10, _SOON_S, _goal),
        Kind(
            "server_errors",
            "Pages fail (status 500 and up)",
            "Pages fail",
            "percent of pages",
            5,
            _SOON_S,
            _server_errors,
        ),
        Kind(
            "script_errors",
            "Errors of scripts",
            "Errors of scripts",
            "percent of visitors",
            10,
            _LATER_S,
            _script_errors,
        ),
        Kind(
            "capture",
            "The capture rate falls",
            "Low capture rate",
            "percent of page views",
            50,
            _LATER_S,
            _capture,
            below=True,
        ),
        Kind("broken", "Missing pages (404)", "Missing pages", "views", 25, _LATER_S, _broken),
        Kind("slow", "Slow pages (LCP)", "Slow pages", "milliseconds", 4000, _LATER_S, _slow),
    )
}
