"""What is made of rows on their way out: amounts of money, and notes on what can be known.

Numbers are counted in the store and fetched by ``run``; nothing here asks anything. The one
invariant: a number that cannot be what its name says is null, and a note says why.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from store.query.conditions import Imported, Rolled, names_in
from store.query.dimensions import GOAL
from store.query.metrics import REVENUE_METRICS, Value
from store.query.model import Metric, Query, QuerySite
from store.query.money import money
from store.query.plan import currencies_in_play
from store.query.ranges import Period
from store.query.touches import salt_start


@dataclass(frozen=True, slots=True)
class _Known:
    """A salt period: its name in answers, its plural, the series whose buckets lie within one."""

    name: str
    plural: str
    dimensions: frozenset[str]


_PERIODS: dict[str, _Known] = {
    "day": _Known("local_day", "days", frozenset({"time:hour", "time:day"})),
    "week": _Known("iso_week", "weeks", frozenset({"time:hour", "time:day", "time:week"})),
    "month": _Known("month", "months", frozenset({"time:hour", "time:day", "time:month"})),
}

_TITLE = "event:title"
_TITLE_SENT = (
    "Titles are the property title of events, which the tracker does not send by itself: give it "
    "with a page view or an event, as props."
)
_NOT_IMPORTED = "Imported totals cannot tell this number: ask without them, or for later days."

type Key = int | date | str
type Row = tuple[tuple[Key, ...], list[Value]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query at one period, with its dimensions resolved there."""

    query: Query
    site: QuerySite
    period: Period
    dimensions: tuple[str, ...]
    rolled: Rolled | None = None
    imported: Imported | None = None

    @property
    def time_place(self) -> int | None:
        """Return where among the dimensions the time stands, if it does."""
        places = (i for i, name in enumerate(self.dimensions) if name.startswith("time:"))
        return next(places, None)

    @property
    def is_series(self) -> bool:
        """Say whether time is the only dimension, so that every bucket gets a row."""
        return len(self.dimensions) == 1 and self.time_place == 0


def present(asked: Asked, keys: tuple[Key, ...], values: list[Value]) -> list[Any]:
    """Write a row's values: amounts of money with their currency."""
    metrics = asked.query.metrics
    if REVENUE_METRICS.isdisjoint(metrics):
        return values
    currency = _currency(asked, keys)
    return [
        money(value, currency) if metric in REVENUE_METRICS else value
        for metric, value in zip(metrics, values, strict=True)
    ]


def _currency(asked: Asked, keys: tuple[Key, ...]) -> str | None:
    if GOAL in asked.dimensions:
        name = keys[asked.dimensions.index(GOAL)]
        return next((g.currency for g in asked.site.goals if g.name == name and g.currency), None)
    found = currencies_in_play(asked.query, asked.site, asked.period)
    return found.pop() if len(found) == 1 else None


def notes(asked: Asked) -> dict[str, Any]:
    """Say what must be known to read an answer, as parts of its ``meta``."""
    meta: dict[str, Any] = {}
    warnings: dict[str, Any] = {}
    wanted = set(asked.query.metrics)
    if {Metric.VISITORS, Metric.PERCENTAGE} & wanted:
        meta = _about_visitors(asked)
        warnings.update(meta.pop("metric_warnings", {}))
    unknown = asked.imported.unknown if asked.imported is not None else frozenset()
    warnings.update(dict.fromkeys(sorted(unknown), _warning("not_imported", _NOT_IMPORTED)))
    warnings.update(dict.fromkeys(sorted(REVENUE_METRICS & wanted), _about_revenue(asked)))
    warnings = {metric: warning for metric, warning in warnings.items() if warning}
    if _TITLE in {*asked.dimensions, *names_in(asked.query.filters)}:
        meta["dimension_warnings"] = {_TITLE: _warning("title_is_sent", _TITLE_SENT)}
    return meta | ({"metric_warnings": warnings} if warnings else {})


def _about_revenue(asked: Asked) -> dict[str, str] | None:
    found = currencies_in_play(asked.query, asked.site, asked.period)
    if not found:
        message = "None of the goals asked for earns revenue."
        return _warning("no_revenue_goals_matching", message)
    if len(found) > 1 and GOAL not in asked.dimensions:
        message = "The goals asked for earn in several currencies: ask for one, or by event:goal."
        return _warning("no_single_revenue_currency", message)
    return None


def _warning(code: str, message: str) -> dict[str, str]:
    """Write a warning; ``warning`` is the Stats API's name of the message."""
    return {"code": code, "message": message, "warning": message}


def _about_visitors(asked: Asked) -> dict[str, Any]:
    """Say how visitors were counted (NUMBERS 14): one is known again only within a salt period."""
    salt_period = asked.site.salt_period
    known = _PERIODS[salt_period]
    by_period = bool(known.dimensions & set(asked.dimensions))
    first, last = (salt_start(day, salt_period) for day in (asked.period.first, asked.period.last))
    summed = first != last and not by_period
    about: dict[str, Any] = {"visitors": {"salt_period": known.name, "sum_of_days": summed}}
    if summed:
        message = f"Visitors over several {known.plural} are the sum of the {known.plural}."
        about["metric_warnings"] = {"visitors": _warning("sum_of_days", message)}
    return about
