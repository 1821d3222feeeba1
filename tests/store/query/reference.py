"""A slow, obvious reading of NUMBERS.md: every metric counted one by one over a list of events.

It takes the request as it is sent (lists and strings) and shares nothing with the engine but the
made-up traffic: filters, groups, buckets and rounding are written again, in the plainest way.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from store.query.goals import Goal, Segment
from tests.store.query.dataset import Event, Visit, visits_of

MISSING = {
    "source": "Direct / None",
    "referrer": "Direct / None",
    "channel": "Direct",
    "bot": "human",
}
PLACES = ("country", "region", "city")
EDGES = {
    "visit:entry_page": "entry_page",
    "visit:exit_page": "exit_page",
    "visit:entry_page_hostname": "entry_hostname",
    "visit:exit_page_hostname": "exit_hostname",
}
TOUCHES = tuple(
    f"visit:{touch}_{name}"
    for touch in ("first", "last")
    for name in ("source", "channel", "utm_source", "utm_medium", "utm_campaign")
)
DERIVED = ("visit:hour", "visit:weekday", "visit:country_name")
AS_ENTRY = {"event:page": "entry_page", "event:hostname": "entry_hostname"}
AS_EXIT = {"event:page": "exit_page", "event:hostname": "exit_hostname"}
OF_VISITS = {
    "views_per_visit",
    "bounce_rate",
    "visit_duration",
    "engaged_time",
    "engagement_rate",
    "entrances",
}

type Keys = tuple[Any, ...]


@dataclass(frozen=True)
class Span:
    """The days, or the moments, that are asked for."""

    zone: ZoneInfo
    days: tuple[date, date] | None = None
    moments: tuple[datetime, datetime] | None = None


def rounded(value: Fraction, digits: int = 0) -> float | int:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    result = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return float(result) if digits else int(result)


class Reference:
    """Answers a request from events: rows by their keys."""

    def __init__(
        self,
        events: Iterable[Event],
        body: dict[str, Any],
        span: Span,
        goals: tuple[Goal, ...] = (),
        segments: tuple[Segment, ...] = (),
    ) -> None:
        self.body = body
        self.span = span
        self.goals = goals
        self.segments = segments
        self.dimensions: list[str] = body.get("dimensions", [])
        self.filters: list[Any] = [self.expanded(part) for part in body.get("filters", [])]
        self.by_hour = "time:hour" in self.dimensions
        self.all_events = list(events)
        shows_bots = "visit:bot" in str(body) or "visit:operator" in str(body)
        self.visits = [
            visit
            for visit in visits_of(self.all_events)
            if shows_bots or not visit.first.attributes.get("bot", "")
        ]

    def rows(self) -> dict[Keys, list[Any]]:
        keys = {key for key in self.counted if self.is_shown(key)}
        if not self.dimensions:
            keys = {()}
        return {key: [self.metric(name, key) for name in self.body["metrics"]] for key in keys}

    def is_shown(self, key: Keys) -> bool:
        return all(
            value != ""
            for value, name in zip(key, self.dimensions, strict=True)
            if name in EDGES or name.removeprefix("visit:").removesuffix("_name") in PLACES
        )

    def in_span(self, event: Event) -> bool:
        if self.span.moments:
            return self.span.moments[0] <= event.at < self.span.moments[1]
        assert self.span.days
        day = event.at.astimezone(self.span.zone).date() if self.by_hour else event.day
        return self.span.days[0] <= day <= self.span.days[1]

    @cached_property
    def counted(self) -> dict[Keys, list[tuple[Event, Visit]]]:
        return self.matching(self.counts)

    @cached_property
    def engaged(self) -> dict[Keys, list[tuple[Event, Visit]]]:
        return self.matching(lambda event: not event.counts)

    @cached_property
    def everyone(self) -> int:
        """Count the visitors of the whole, which has no hours: a visit is its day's again."""
        return self.asked_again([], self.filters).visitors_at(())

    def asked_again(self, dimensions: list[str], filters: list[Any]) -> "Reference":
        body = self.body | {"dimensions": dimensions, "filters": filters}
        again = Reference(self.all_events, body, self.span, self.goals, self.segments)
        again.visits = self.visits
        return again

    def visitors_at(self, key: Keys) -> int:
        return len({(event.day, event.visitor) for event, _ in self.counted.get(key, [])})

    @cached_property
    def unconverted(self) -> list[Any]:
        """Return the filters without those for goals and properties that must hold."""
        told = ("event:goal", "event:props:")
        return [
            part
            for part in conjuncts(self.filters)
            if not any(name in outside_behaviours(part) for name in told)
        ]

    def expanded(self, part: Any) -> Any:
        """Put a segment's filters in its place."""
        if part[0] in {"and", "or"}:
            return [part[0], [self.expanded(inner) for inner in part[1]]]
        if part[0] == "not":
            return ["not", self.expanded(part[1])]
        if part[1] != "segment":
            return part
        chosen = [segment for segment in self.segments if segment.id in part[2]]
        parts = [["and", list(segment.filters)] for segment in chosen]
        return parts[0] if len(parts) == 1 else ["or", parts]

    def counts(self, event: Event) -> bool:
        deep = [goal for goal in self.named_goals if goal.kind == "scroll"]
        return event.counts or any(reaches(event, goal) for goal in deep)

    @cached_property
    def named_goals(self) -> list[Goal]:
        """Return the goals that the question asks an event itself to reach."""
        shown = self.shown_goals if "event:goal" in self.dimensions else []
        return [*shown, *(goal for part in self.filters for goal in self.goals_of(part))]

    @cached_property
    def shown_goals(self) -> list[Goal]:
        chosen = list(self.goals)
        for part in conjuncts(self.filters):
            if part[0] in {"is", "contains"} and part[1] == "event:goal":
                chosen = [goal for goal in chosen if goal in self.goals_of(part)]
        return chosen

    def goals_of(self, part: Any) -> list[Goal]:
        if part[0] in {"and", "or"}:
            return [goal for inner in part[1] for goal in self.goals_of(inner)]
        if part[0] == "not":
            return self.goals_of(part[1])
        if part[0] in {"has_done", "has_not_done"} or part[1] != "event:goal":
            return []
        operator, _, values, *modifiers = part
        insensitive = bool(modifiers and modifiers[0].get("case_sensitive") is False)
        return [
            goal
            for goal in self.goals
            if any(matches(operator, goal.name, value, insensitive) for value in values)
        ]

    @cached_property
    def entered(self) -> dict[Keys, list[Visit]]:
        return self.visits_by_key(AS_ENTRY)

    @cached_property
    def left(self) -> dict[Keys, list[Visit]]:
        return self.visits_by_key(AS_EXIT)

    def matching(self, wanted: Callable[[Event], bool]) -> dict[Keys, list[tuple[Event, Visit]]]:
        """Return the events that the filters let through, by their keys."""
        found: dict[Keys, list[tuple[Event, Visit]]] = {}
        for visit in self.visits:
            for event in visit.events:
                if wanted(event) and self.in_span(event) and self.passes(event, visit):
                    for key in self.keys_at(event, visit):
                        found.setdefault(key, []).append((event, visit))
        return found

    def keys_at(self, event: Event, visit: Visit) -> Iterable[Keys]:
        """Return an event's keys: it stands with each goal that it reaches."""
        reached = [goal.name for goal in self.shown_goals if reaches(event, goal)]
        return product(
            *(
                reached if name == "event:goal" else [self.key(name, event, visit)]
                for name in self.dimensions
            )
        )

    def passes(self, event: Event, visit: Visit) -> bool:
        return all(self.holds(part, event, visit, {}) for part in self.filters)

    def key(
        self, name: str, event: Event, visit: Visit, pages: dict[str, str] | None = None
    ) -> Any:
        if name.startswith("time:"):
            return self.bucket(name, event)
        return self.value(name, event, visit, pages or {})

    def bucket(self, name: str, event: Event) -> Any:
        if name == "time:hour":
            local = event.at.astimezone(self.span.zone)
            floor = local - timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
            return floor.replace(fold=local.fold).astimezone(UTC)
        first, last = self.span_days()
        day = min(max(event.day, first), last)
        if name == "time:month":
            return day.replace(day=1)
        return max(day - timedelta(days=day.weekday()), first) if name == "time:week" else day

    def span_days(self) -> tuple[date, date]:
        if self.span.days:
            return self.span.days
        assert self.span.moments
        start, end = (moment.astimezone(self.span.zone) for moment in self.span.moments)
        return start.date(), (end - timedelta(milliseconds=1)).date()

    def value(self, name: str, event: Event, visit: Visit, pages: dict[str, str]) -> str:
        if name in pages:
            return visit.edge(pages[name])
        if name in EDGES:
            return visit.edge(EDGES[name])
        if name.startswith("event:props:"):
            return event.props.get(name.removeprefix("event:props:"), "(none)")
        if name.startswith("event:"):
            return {"page": event.path, "name": event.name, "hostname": event.hostname}[name[6:]]
        if name == "visit:hour":
            return f"{visit.counting[0].at.astimezone(self.span.zone).hour:02}"
        if name == "visit:weekday":
            return str(visit.first.day.isoweekday())
        column = name.removeprefix("visit:").removesuffix("_name")
        if name in TOUCHES:
            return self.touch(name, visit) or MISSING.get(column.partition("_")[2], "(not set)")
        if name == "visit:country_name":
            return {"FR": "France", "DE": "Germany", "": ""}[event.attributes.get("country", "")]
        stored = event.attributes.get(column, "")
        return stored or ("" if column in PLACES else MISSING.get(column, "(not set)"))

    def touch(self, name: str, visit: Visit) -> str:
        """Return an attribute of the visitor's first visit, or of the last that has a source."""
        touch, _, attribute = name.removeprefix("visit:").partition("_")
        earlier = [v for v in self.known_again[known_as(visit)] if begun(v) <= begun(visit)]
        if touch == "last":
            earlier = [v for v in earlier if v.first.attributes.get("source", "")]
        if not earlier:
            return ""
        chosen = min(earlier, key=begun) if touch == "first" else max(earlier, key=begun)
        return chosen.first.attributes.get(attribute, "")

    @cached_property
    def known_again(self) -> dict[Keys, list[Visit]]:
        """Return the visits of each visitor, as far as one is known again: on one day."""
        found: dict[Keys, list[Visit]] = {}
        for visit in visits_of(self.all_events):
            found.setdefault(known_as(visit), []).append(visit)
        return found

    def holds(self, part: Any, event: Event, visit: Visit, pages: dict[str, str]) -> bool:
        operator = part[0]
        if operator == "and":
            return all(self.holds(inner, event, visit, pages) for inner in part[1])
        if operator == "or":
            return any(self.holds(inner, event, visit, pages) for inner in part[1])
        if operator == "not":
            return not self.holds(part[1], event, visit, pages)
        if operator in {"has_done", "has_not_done"}:
            deep = [goal for goal in self.goals_of(part[1]) if goal.kind == "scroll"]
            did = any(
                self.holds(part[1], other, visit, {})
                for other in visit.events
                if other.counts or any(reaches(other, goal) for goal in deep)
            )
            return did is (operator == "has_done")
        return self.leaf(part, event, visit, pages)

    def leaf(self, part: Any, event: Event, visit: Visit, pages: dict[str, str]) -> bool:
        operator, name, values, *modifiers = part
        if name == "event:goal":
            return any(reaches(event, goal) for goal in self.goals_of(part))
        insensitive = modifiers and modifiers[0].get("case_sensitive") is False
        positive = operator.removesuffix("_not")
        shown = self.value(name, event, visit, pages)
        if positive != "is":
            if name.startswith("event:props:"):
                key = name.removeprefix("event:props:")
                if key not in event.props:
                    return False
                shown = event.props[key]
            elif name.startswith("visit:") and name not in {*EDGES, *DERIVED}:
                shown = event.attributes.get(name.removeprefix("visit:"), "")
                shown = self.touch(name, visit) if name in TOUCHES else shown
        found = any(matches(positive, shown, value, bool(insensitive)) for value in values)
        return found is not operator.endswith("_not")

    def metric(self, name: str, key: Keys) -> Any:
        if name in {"visitors", "visits", "pageviews", "events", "percentage"}:
            return self.of_events(name, key)
        if name in {"time_on_page", "scroll_depth"}:
            return self.of_engagement(name, key)
        if name in {"exit_rate", "exits"}:
            exits = sum(1 for v in self.left.get(key, []) if v.edge("exit_page"))
            if name == "exits":
                return exits
            views = self.views_for(key)
            return rounded(Fraction(100 * exits, views), 1) if views else 0
        if name in {"conversion_rate", "group_conversion_rate", "goals_per_visit"}:
            return self.of_goals(name, key)
        if name in {"total_revenue", "average_revenue"}:
            return self.of_revenue(name, key)
        assert name in OF_VISITS, name
        return self.of_visits(name, self.entered.get(key, []))

    def of_events(self, name: str, key: Keys) -> Any:
        pairs = self.counted.get(key, [])
        visitors = {(event.day, event.visitor) for event, _ in pairs}
        if name == "percentage":
            return rounded(Fraction(100 * len(visitors), self.everyone), 2) if self.everyone else 0
        return {
            "visitors": len(visitors),
            "visits": len({event.visit for event, _ in pairs}),
            "pageviews": sum(1 for event, _ in pairs if event.name == "pageview"),
            "events": sum(event.counts for event, _ in pairs),
        }[name]

    def of_goals(self, name: str, key: Keys) -> Any:
        if name == "goals_per_visit":
            reached = self.matching(lambda event: any(reaches(event, g) for g in self.goals))
            once = {
                (event.visit, goal.id)
                for event, _ in reached.get(key, [])
                for goal in self.goals
                if reaches(event, goal)
            }
            visits = self.of_events("visits", key)
            return rounded(Fraction(len(once), visits), 2) if visits else 0
        kept, whole = [], ()
        if name == "group_conversion_rate":
            told = [(d, k) for d, k in zip(self.dimensions, key, strict=True) if not tells(d)]
            kept, whole = [d for d, _ in told], tuple(k for _, k in told)
        everybody = self.asked_again(kept, self.unconverted).visitors_at(whole)
        return rounded(Fraction(100 * self.visitors_at(key), everybody), 2) if everybody else 0

    def of_revenue(self, name: str, key: Keys) -> Any:
        goals = [goal for goal in self.shown_goals if goal.currency]
        if "event:goal" in self.dimensions:
            own = key[self.dimensions.index("event:goal")]
            goals = [goal for goal in goals if goal.name == own]
        currencies = {goal.currency for goal in goals}
        if len(currencies) != 1:
            return None
        (currency,) = currencies
        earned = [
            event.revenue_minor
            for event, _ in self.counted.get(key, [])
            if event.currency == currency and any(reaches(event, goal) for goal in goals)
        ]
        if name == "total_revenue":
            return (sum(earned), currency)
        return (rounded(Fraction(sum(earned), len(earned))), currency) if earned else None

    def of_engagement(self, name: str, key: Keys) -> Any:
        pairs = self.engaged.get(key, [])
        by_visit: dict[int, list[Event]] = {}
        for event, _ in pairs:
            by_visit.setdefault(event.visit, []).append(event)
        if name == "time_on_page":
            total = sum(event.engaged_ms for event, _ in pairs)
            return rounded(Fraction(total, 1000 * len(by_visit))) if by_visit else None
        depths = [[e.scroll for e in group if e.scroll != 255] for group in by_visit.values()]
        best = [max(group) for group in depths if group]
        return rounded(Fraction(sum(best), len(best))) if best else None

    def views_for(self, key: Keys) -> int:
        """Count page views by page beside exit pages, and as they are asked otherwise."""
        exits = {"visit:exit_page": "event:page", "visit:exit_page_hostname": "event:hostname"}
        if not set(exits) & set(self.dimensions):
            return int(self.of_events("pageviews", key))
        names = [exits.get(name, name) for name in self.dimensions]
        return sum(
            1
            for group in self.matching(lambda e: e.name == "pageview").values()
            for event, visit in group
            if tuple(self.key(name, event, visit) for name in names) == key
        )

    def visits_by_key(self, pages: dict[str, str]) -> dict[Keys, list[Visit]]:
        found: dict[Keys, list[Visit]] = {}
        for visit in self.visits:
            for key in self.keys_of(visit, pages):
                found.setdefault(key, []).append(visit)
        return found

    def keys_of(self, visit: Visit, pages: dict[str, str]) -> set[Keys]:
        """Return the keys a visit counts under, its page read as the entry or the exit page.

        The visit itself must pass what speaks of visits; where an hour, a moment or an event is
        asked for, one of its events must have been there and pass everything.
        """
        parts = list(conjuncts(self.filters))
        speak = [part for part in parts if speaks_of_visits(part)]
        if not all(self.holds(part, visit.first, visit, pages) for part in speak):
            return set()
        there = [event for event in visit.events if self.counts(event) and self.in_span(event)]
        if self.by_hour or self.span.moments or len(speak) < len(parts):
            there = [event for event in there if self.passes(event, visit)]
        keys = {tuple(self.key(n, event, visit, pages) for n in self.dimensions) for event in there}
        return {key for key in keys if self.has_pages(key, pages)}

    def has_pages(self, key: Keys, pages: dict[str, str]) -> bool:
        named = zip(key, self.dimensions, strict=True)
        return all(value != "" for value, name in named if name in pages)

    def of_visits(self, name: str, visits: list[Visit]) -> Any:
        if name == "entrances":
            return sum(1 for visit in visits if visit.edge("entry_page"))
        if not visits:
            return 0
        whole = len(visits)
        spent = sum(0 if visit.bounced else visit.duration_ms for visit in visits)
        engaged = sum(
            visit.engaged_ms >= 10_000
            or len(visit.views) >= 2
            or any(reaches(event, goal) for event in visit.events for goal in self.goals)
            for visit in visits
        )
        return {
            "views_per_visit": rounded(Fraction(sum(len(v.views) for v in visits), whole), 2),
            "bounce_rate": rounded(Fraction(100 * sum(v.bounced for v in visits), whole)),
            "visit_duration": rounded(Fraction(spent, 1000 * whole)),
            "engaged_time": rounded(Fraction(sum(v.engaged_ms for v in visits), 1000 * whole)),
            "engagement_rate": rounded(Fraction(100 * engaged, whole)),
        }[name]


def known_as(visit: Visit) -> Keys:
    first = visit.first
    return (first.day, first.visitor, bool(first.attributes.get("bot", "")))


def begun(visit: Visit) -> Keys:
    return (visit.first.at, visit.first.visit)


def reaches(event: Event, goal: Goal) -> bool:
    """NUMBERS 7."""
    if goal.kind == "event":
        own = all(event.props.get(key, "(none)") == value for key, value in goal.props)
        return event.name == goal.target and own
    if not matches("matches_wildcard", event.path, goal.target, insensitive=False):
        return False
    if goal.kind == "page":
        return event.name == "pageview"
    return event.name == "engagement" and event.scroll != 255 and event.scroll >= goal.scroll


def tells(dimension: str) -> bool:
    return dimension == "event:goal" or dimension.startswith("event:props:")


def outside_behaviours(part: Any) -> str:
    if part[0] in {"has_done", "has_not_done"}:
        return ""
    if part[0] in {"and", "or"}:
        return " ".join(map(outside_behaviours, part[1]))
    return outside_behaviours(part[1]) if part[0] == "not" else str(part[1])


def conjuncts(filters: Iterable[Any]) -> Iterable[Any]:
    for part in filters:
        if part[0] == "and":
            yield from conjuncts(part[1])
        else:
            yield part


def speaks_of_visits(part: Any) -> bool:
    if part[0] in {"and", "or"}:
        return all(speaks_of_visits(inner) for inner in part[1])
    if part[0] == "not":
        return speaks_of_visits(part[1])
    if part[0] in {"has_done", "has_not_done"}:
        return True
    return part[1].startswith("visit:") or part[1] in AS_ENTRY


def matches(operator: str, shown: str, value: str, insensitive: bool) -> bool:
    if operator == "matches":
        return re.search(value, shown, re.IGNORECASE if insensitive else 0) is not None
    if insensitive:
        shown, value = shown.lower(), value.lower()
    if operator == "is":
        return shown == value
    if operator == "contains":
        return value in shown
    pattern = "".join("*" if c == "*" else f"[{c}]" if c in "?[" else c for c in value)
    return fnmatch.fnmatchcase(shown, pattern)
