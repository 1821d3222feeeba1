"""A site that was made up, for the tour: the dashboard's questions answered without a store.

Pure: numbers depend on the day, the question and its filters alone. A filter keeps the share that
its value has in these tables, so a click on a row does what it would do. The one invariant: nothing
here is anybody's; whoever shows it says so (``dashboard/tour.html``).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from math import prod, sin
from typing import Any

from portal.dashboard.questions import Asker
from store.query.goals import Goal, GoalKind
from store.query.model import QuerySite, Result

NOW = 7
"""Visitors of this moment."""
_LEAST_EPOCH = date(2020, 1, 1)
_HOURS = (2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 8, 7, 6, 7, 8, 8, 7, 6, 5, 4, 4, 3, 3, 2)

SHARES: dict[str, dict[str, float]] = {
    "visit:source": {
        "Google": 0.38, "Direct / None": 0.24, "newsletter": 0.09, "ChatGPT": 0.07, "Reddit": 0.06,
        "Bing": 0.05, "GitHub": 0.05, "LinkedIn": 0.04, "Hacker News": 0.02,
    },
    "visit:channel": {
        "Organic Search": 0.43, "Direct": 0.24, "Email": 0.09, "Organic Social": 0.12,
        "AI Assistants": 0.07, "Referral": 0.05,
    },
    "event:page": {
        "/": 0.46, "/pricing": 0.22, "/blog/a-better-lamp": 0.19, "/docs": 0.14, "/contact": 0.08,
        "/blog": 0.07, "/signup": 0.06, "/about": 0.04,
    },
    "visit:entry_page": {"/": 0.41, "/blog/a-better-lamp": 0.27, "/docs": 0.15, "/pricing": 0.17},
    "visit:exit_page": {"/": 0.34, "/pricing": 0.26, "/blog/a-better-lamp": 0.25, "/docs": 0.15},
    "visit:country": {
        "DE": 0.22, "FR": 0.19, "US": 0.17, "GB": 0.11, "NL": 0.08, "ES": 0.06, "IT": 0.05,
        "PL": 0.04, "BR": 0.04, "IN": 0.04,
    },
    "visit:region": {"Île-de-France": 0.11, "Berlin": 0.09, "England": 0.09, "California": 0.05},
    "visit:city": {"Paris": 0.09, "Berlin": 0.08, "London": 0.06, "Amsterdam": 0.04},
    "visit:browser": {"Chrome": 0.52, "Safari": 0.23, "Firefox": 0.13, "Edge": 0.12},
    "visit:os": {"Windows": 0.34, "iOS": 0.22, "Mac": 0.2, "Android": 0.18, "GNU/Linux": 0.06},
    "visit:device": {"Desktop": 0.58, "Mobile": 0.38, "Tablet": 0.04},
    "visit:screen": {"Desktop": 0.31, "Laptop": 0.29, "Mobile": 0.36, "Tablet": 0.04},
    "visit:language": {"en": 0.44, "de": 0.22, "fr": 0.2, "es": 0.14},
    "event:goal": {"Signup": 0.06, "Read the prices": 0.22},
    "event:name": {"Signup": 0.06, "File Download": 0.05, "Outbound Link: Click": 0.04},
}  # fmt: skip
_PER_VISITOR = {"visitors": 1.0, "visits": 1.18, "pageviews": 3.05, "events": 3.4}
_RATES: dict[str, float] = {
    "bounce_rate": 41, "visit_duration": 134, "engaged_time": 76, "engagement_rate": 63,
    "exit_rate": 37, "time_on_page": 52, "scroll_depth": 68,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExampleAsker(Asker):
    """Answers about the site that was made up, whatever store it is given."""

    def ask(self, payload: dict[str, Any]) -> Result:
        """Answer a question of the dashboard."""
        first, last = map(date.fromisoformat, payload["date_range"])
        share = prod((_share_of(clause) for clause in payload.get("filters", ())), start=1.0)
        names, metrics = payload.get("dimensions", []), payload["metrics"]
        rows: list[tuple[list[str], float, float]]
        if not names:
            rows = [([], _visitors(first, last) * share, 1.0)]
        elif names[0].startswith("time:"):
            unit = names[0].removeprefix("time:")
            rows = [([at], found * share, 1.0) for at, found in _series(first, last, unit)]
        else:
            total = _visitors(first, last) * share
            rows = [([v], total * part, part) for v, part in SHARES.get(names[0], {}).items()]
        results = [
            {"dimensions": key, "metrics": [_value(m, found, part) for m in metrics]}
            for key, found, part in rows
        ]
        compared = payload.get("include", {}).get("comparisons")
        if compared:
            _compare(results, self.ask(_earlier(payload, compared, first, last)))
        return Result(results, {"total_rows": len(results)}, {"metrics": metrics})


def example_site(site: QuerySite) -> QuerySite:
    """Give a site the goals of the one that was made up."""
    goals = (
        Goal(1, "Read the prices", GoalKind.PAGE, "/pricing"),
        Goal(2, "Signup", GoalKind.EVENT, "Signup"),
    )
    return QuerySite(0, site.host, site.timezone, goals=goals)


def _earlier(
    payload: dict[str, Any], compared: dict[str, Any], first: date, last: date
) -> dict[str, Any]:
    count = (last - first).days + 1
    if compared["mode"] == "custom":
        days = compared["date_range"]
    else:
        back = timedelta(days=364 if compared["mode"] == "year_over_year" else count)
        days = [(first - back).isoformat(), (last - back).isoformat()]
    return payload | {"date_range": days, "include": {}}


def _compare(results: list[dict[str, Any]], earlier: Result) -> None:
    for row, before in zip(results, earlier.results, strict=False):
        pairs = zip(row["metrics"], before["metrics"], strict=True)
        row["comparison"] = before | {"change": [_moved(now, then) for now, then in pairs]}


def _moved(now: float | None, then: float | None) -> int | None:
    if now is None or then is None:
        return None
    return round(100 * (now - then) / then) if then else 0


def _share_of(clause: Any) -> float:
    """Give the share of visitors that a filter leaves."""
    match clause:
        case ["has_not_done", inner]:
            return 1 - _share_of(inner)
        case ["is" | "contains" as operator, str(name), [*values], *_]:
            rows = SHARES.get(name, {}).items()
            return sum(part for value, part in rows if _passes(operator, value, values))
        case ["is_not" | "contains_not" as operator, str(name), [*values], *_]:
            return 1 - _share_of([operator.removesuffix("_not"), name, values])
        case _:
            return 1.0


def _passes(operator: str, value: str, wanted: list[str]) -> bool:
    if operator == "is":
        return value in wanted
    return any(part.lower() in value.lower() for part in wanted)


def _on(day: date) -> float:
    """Give the visitors of a day: a slow wave, quiet week-ends, and a little more every month."""
    since = (day - _LEAST_EPOCH).days
    weekend = 0.68 if day.weekday() > 4 else 1.0  # noqa: PLR2004 - Saturday and Sunday
    return (190 + since / 40 + 34 * sin(since / 11) + 19 * sin(since * 1.7)) * weekend


def _visitors(first: date, last: date) -> float:
    return sum(_on(first + timedelta(days=n)) for n in range((last - first).days + 1))


def _series(first: date, last: date, unit: str) -> list[tuple[str, float]]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if unit == "hour":
        whole = sum(_HOURS)
        return [
            (f"{day}T{hour:02}:00:00", _on(day) * part / whole)
            for day in days
            for hour, part in enumerate(_HOURS)
        ]
    found: dict[str, float] = {}
    for day in days:
        start = {"week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}
        label = max(start.get(unit, day), first).isoformat()
        found[label] = found.get(label, 0) + _on(day)
    return list(found.items())


def _value(metric: str, visitors: float, part: float) -> float | int | None:
    if metric in _PER_VISITOR:
        return round(visitors * _PER_VISITOR[metric])
    if metric == "views_per_visit":
        return round(_PER_VISITOR["pageviews"] / _PER_VISITOR["visits"] + visitors % 7 / 50, 2)
    if metric in {"percentage", "conversion_rate"}:
        return round(100 * part, 2)
    if metric == "hits":
        return round(visitors * 0.01)
    if metric in _RATES:
        return round(_RATES[metric] * (0.94 + visitors % 13 / 100), 1)
    return None
