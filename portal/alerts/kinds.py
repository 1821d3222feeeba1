"""What can be watched: one ordered list, each with what it measures and when that is trouble.

A kind asks the store for one number; None means that there is too little to say anything. What a
number means is ``docs/reports.md``. Pure, but for the questions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.dashboard.figures import full
from portal.dashboard.questions import Asker
from portal.language import N_, _, ngettext
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
    """What was found: the number, and what says it in a sentence, in the language spoken then."""

    value: float
    say: Callable[[], str]


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

    def limit(self, threshold: float) -> str:
        """Say from where on somebody is told."""
        number = full(int(threshold) if threshold == int(threshold) else threshold)
        said = {"number": number, "unit": _(self.unit)}
        if self.below:
            return _("below %(number)s %(unit)s", **said)
        return _("at %(number)s %(unit)s or more", **said)

    def is_trouble(self, value: float, threshold: float) -> bool:
        """Tell whether somebody is to be told."""
        return value < threshold if self.below else value >= threshold


def _window(asker: Asker, length: timedelta, end: datetime | None = None) -> Window:
    end = end or asker.now
    return Window(asker.site.id, end - length, end)


def _spike(asker: Asker, _goal: str) -> Measured:
    found = current_visitors(asker.store, asker.site.id, asker.now)
    return Measured(
        found,
        lambda: ngettext(
            "%(count)s visitor in the last 5 minutes.",
            "%(count)s visitors in the last 5 minutes.",
            found,
            count=full(found),
        ),
    )


def _drop(asker: Asker, _goal: str) -> Measured | None:
    found = count_visitors(asker.store, _window(asker, 12 * _HOUR))
    week = count_visitors(asker.store, _window(asker, 7 * _DAY, asker.now - 12 * _HOUR))
    if week < _USUAL_VISITORS:
        return None
    return Measured(
        found,
        lambda: _(
            "%(found)s visitors in the last 12 hours; in the seven days before: %(week)s.",
            found=full(found),
            week=full(week),
        ),
    )


def _goal(asker: Asker, goal: str) -> Measured | None:
    if goal not in {known.name for known in asker.site.goals}:
        return None
    moments = [(asker.now - _DAY).isoformat(), asker.now.isoformat()]
    filters = [["is", "event:goal", [goal]]]
    asked = asker.ask({"metrics": ["visitors"], "date_range": moments, "filters": filters})
    found = asked.results[0]["metrics"][0]
    return Measured(
        found,
        lambda: _(
            "%(found)s visitors reached “%(goal)s” in the last 24 hours.",
            found=full(found),
            goal=goal,
        ),
    )


def _server_errors(asker: Asker, _goal: str) -> Measured | None:
    failed, served = failed_documents(asker.store, _window(asker, _HOUR))
    if served < _ENOUGH_DOCUMENTS:
        return None
    return Measured(
        100 * failed / served,
        lambda: _(
            "%(failed)s of %(served)s pages were answered with an error of the server "
            "in the last hour.",
            failed=full(failed),
            served=full(served),
        ),
    )


def _script_errors(asker: Asker, _goal: str) -> Measured | None:
    failed, visitors = visitors_with_errors(asker.store, _window(asker, _HOUR))
    if visitors < _ENOUGH_VISITORS:
        return None
    return Measured(
        100 * min(failed / visitors, 1),
        lambda: _(
            "%(failed)s of %(visitors)s visitors met an error of a script in the last hour.",
            failed=full(failed),
            visitors=full(visitors),
        ),
    )


def _capture(asker: Asker, _goal: str) -> Measured | None:
    found = capture_report(asker.store, asker.site, asker.now - _DAY, asker.now)
    whole = found[0] if found else None
    if whole is None or whole.rate is None or whole.measured < _ENOUGH_MEASURED:
        return None
    return Measured(
        100 * whole.rate,
        lambda: _(
            "%(confirmed)s of %(measured)s page views were confirmed by the script "
            "in the last 24 hours.",
            confirmed=full(whole.confirmed),
            measured=full(whole.measured),
        ),
    )


def _broken(asker: Asker, _goal: str) -> Measured:
    pages = missing_documents(asker.store, _window(asker, _DAY))
    times = sum(count for _, count in pages)
    most = ", ".join(f"{page} ({full(count)})" for page, count in pages[:_PAGES_NAMED])
    return Measured(times, lambda: _said_of_missing(times, most))


def _said_of_missing(times: int, most: str) -> str:
    if not most:
        return _("People met %(times)s missing pages in the last 24 hours.", times=full(times))
    return _(
        "People met %(times)s missing pages in the last 24 hours: %(most)s.",
        times=full(times),
        most=most,
    )


def _slow(asker: Asker, _goal: str) -> Measured | None:
    value, views = slow_paint(asker.store, _window(asker, _DAY))
    if views < _ENOUGH_VIEWS:
        return None
    return Measured(
        value,
        lambda: _(
            "A quarter of %(views)s page views took %(value)s ms or longer to show their "
            "largest part in the last 24 hours.",
            views=full(views),
            value=full(round(value)),
        ),
    )


_SOON_S = 60
_LATER_S = 600
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "spike",
            N_("Many visitors at once"),
            N_("Many visitors"),
            N_("visitors"),
            50,
            _SOON_S,
            _spike,
        ),
        Kind(
            "drop",
            N_("Traffic is gone"),
            N_("Few visitors"),
            N_("visitors"),
            1,
            _LATER_S,
            _drop,
            below=True,
        ),
        Kind(
            "goal", N_("A goal is reached"), N_("Goal reached"), N_("visitors"), 10, _SOON_S, _goal
        ),
        Kind(
            "server_errors",
            N_("Pages fail (status 500 and up)"),
            N_("Pages fail"),
            N_("percent of pages"),
            5,
            _SOON_S,
            _server_errors,
        ),
        Kind(
            "script_errors",
            N_("Errors of scripts"),
            N_("Errors of scripts"),
            N_("percent of visitors"),
            10,
            _LATER_S,
            _script_errors,
        ),
        Kind(
            "capture",
            N_("The capture rate falls"),
            N_("Low capture rate"),
            N_("percent of page views"),
            50,
            _LATER_S,
            _capture,
            below=True,
        ),
        Kind(
            "broken",
            N_("Missing pages (404)"),
            N_("Missing pages"),
            N_("views"),
            25,
            _LATER_S,
            _broken,
        ),
        Kind(
            "slow",
            N_("Slow pages (LCP)"),
            N_("Slow pages"),
            N_("milliseconds"),
            4000,
            _LATER_S,
            _slow,
        ),
    )
}
