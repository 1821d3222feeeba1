"""Journeys: the commonest ways that visits take from or to a page or an event, as links to draw.

Each visit's page views and custom events become names (a path, perhaps folded to its directories,
or an event's name), equal neighbours one, in the order of INGESTION 4. A journey is the piece that
begins at the first, or ends at the last, of what is asked for. Counted are visits. The one
invariant: of each step's visits, every one goes on to a node of the next or is said to have ended.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from store.query.bodies import read_object, read_whole, read_word
from store.query.conditions import Scope, like_pattern, shows_bots
from store.query.fragments import Binder, Fragment, all_of
from store.query.model import DateRange, Filter, QueryError, QuerySite
from store.query.parse import parse_date_range
from store.query.parse_filters import parse_filters
from store.query.parts import Ask, event_limits
from store.query.plan import Statement
from store.query.ranges import Period
from store.query.run import QueryStore, ask_store, moments_of, resolve_at

KEYS = ("site_id", "date_range", "filters", "direction", "at", "steps", "folders", "limit")
AT_KEYS = ("page", "event")
MIN_STEPS, MAX_STEPS = 2, 10
MAX_FOLDERS = 8
MAX_LIMIT = 50
MAX_TARGET_CHARACTERS = 500
_ORDER = "(ts, shard, generation, stream_ms, stream_seq)"


class Direction(StrEnum):
    """Which way a journey is followed: onwards from a point, or back from it."""

    FROM = "from"
    TO = "to"


@dataclass(frozen=True, slots=True)
class JourneyQuestion:
    """Journeys over a range.

    ``page`` is a pattern or ``event`` a name at which they begin or end; without either they begin
    or end with the visit. ``folders`` folds paths to so many directories, 0 leaves them whole.
    ``limit`` is the most nodes a step has; what is left over is one node of its own.
    """

    date_range: DateRange
    filters: tuple[Filter, ...] = ()
    direction: Direction = Direction.FROM
    page: str = ""
    event: str = ""
    steps: int = 4
    folders: int = 0
    limit: int = 10


def parse_journey_question(payload: object, site: QuerySite) -> JourneyQuestion:
    """Parse the body of ``POST /api/v2/journeys``.

    Raises:
        QueryError: It is no such question.
    """
    body = read_object(payload, "", KEYS)
    if "date_range" not in body:
        raise QueryError("missing", "The query needs date_range.", "date_range")
    at = read_object(body.get("at", {}), "at", AT_KEYS)
    if len(at) > 1:
        raise QueryError("too_many", "A journey is from or to a page or an event.", "at", AT_KEYS)
    return JourneyQuestion(
        parse_date_range(body["date_range"], ZoneInfo(site.timezone), "date_range"),
        parse_filters(body.get("filters", []), site),
        read_word(body.get("direction", Direction.FROM), "direction", Direction),
        _target(at, "page"),
        _target(at, "event"),
        read_whole(body.get("steps", 4), "steps", MIN_STEPS, MAX_STEPS),
        read_whole(body.get("folders", 0), "folders", 0, MAX_FOLDERS),
        read_whole(body.get("limit", 10), "limit", 1, MAX_LIMIT),
    )


def _target(at: dict[str, Any], key: str) -> str:
    value = at.get(key, "")
    if key in at and (not isinstance(value, str) or not value or not value.isprintable()):
        raise QueryError("wrong_type", f"at.{key} is a text.", f"at.{key}")
    if len(value) > MAX_TARGET_CHARACTERS:
        message = f"The value is longer than {MAX_TARGET_CHARACTERS} characters."
        raise QueryError("too_long", message, f"at.{key}")
    return str(value)


def run_journeys(
    store: QueryStore, question: JourneyQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Follow journeys at a moment.

    Raises:
        QueryError: They cost too much, or a regular expression does not compile.
    """
    period = resolve_at(store, question.date_range, site, now)
    rows = ask_store(store, plan_journeys(question, site, period), question.filters)
    links = [_link(row) for row in rows]
    return {
        "results": links,
        "meta": {
            "counted": "visits",
            "visits": sum(link["visits"] for link in links if link["step"] == 1),
        },
        "query": {
            "site_id": site.host,
            "date_range": moments_of(period),
            "direction": question.direction,
            "at": {k: v for k, v in (("page", question.page), ("event", question.event)) if v},
            "steps": question.steps,
            "folders": question.folders,
            "limit": question.limit,
        },
    }


def _link(row: tuple[Any, ...]) -> dict[str, Any]:
    """Write a link; a source or target of null is all nodes of its step that are not listed."""
    step, source, target, kind, visits = row
    return {
        "step": int(step),
        "source": str(source) if source else None,
        "target": str(target) if target else None,
        "ends": kind == "end",
        "visits": int(visits),
    }


def plan_journeys(question: JourneyQuestion, site: QuerySite, period: Period) -> Statement:
    """Write the statement: a row for every link of two neighbours at a step, with its visits."""
    scope = Scope(site, period, Binder(), by_clock=not period.whole_days)
    ask = Ask(scope, (), question.filters, shows_bots(question.filters, ()))
    binder = scope.binder
    backwards = question.direction is Direction.TO
    anywhere = not question.page and not question.event
    named = f"groupArray(({_ORDER}, {_name(question, scope)}, {_is_there(question, scope)}))"
    return Statement(
        Fragment(
            _SQL.format(
                path=f"arrayReverse(arraySort({named}))" if backwards else f"arraySort({named})",
                source=ask.events(),
                where=all_of([*event_limits(ask), ask.counts()]),
                begin="1" if anywhere else "arrayFirstIndex(x -> x.3, path)",
                steps=binder.integer(question.steps),
                limit=binder.integer(question.limit),
            )
        ),
        binder.params,
    )


_SQL = """
with ways as (
    select arraySlice(arrayCompact(arrayMap(x -> x.2, arraySlice(path, begin))), 1, {steps}) as way
    from (
        select {path} as path, {begin} as begin
        from {source} where {where} group by visit_id having begin > 0
    )
),
links as (
    select l.1 as step, l.2 as node, l.3 as following, l.4 as ends
    from (
        select arrayJoin(arrayMap(
            i -> (i, way[i], if(i < length(way), way[i + 1], ''), i = length(way)),
            arrayEnumerate(way)
        )) as l
        from ways
    )
),
kept as (
    select step, node from links group by step, node order by count() desc, node
    limit {limit} by step
)
select
    step,
    if((step, node) in (select step, node from kept), node, '') as source,
    if((step + 1, following) in (select step, node from kept), following, '') as target,
    if(ends, 'end', 'on') as kind,
    count() as visits
from links
where step < {steps}
group by step, source, target, kind
order by step, visits desc, source, target, kind"""


def _name(question: JourneyQuestion, scope: Scope) -> str:
    path = "path"
    if question.folders:
        folders = scope.binder.integer(question.folders)
        parts = "splitByChar('/', trimLeft(path, '/'))"
        path = (
            f"if(length({parts}) <= {folders}, path,"
            f" concat('/', arrayStringConcat(arraySlice({parts}, 1, {folders}), '/'), '/*'))"
        )
    return f"if(name = 'pageview', {path}, name)"


def _is_there(question: JourneyQuestion, scope: Scope) -> str:
    if question.event:
        return f"name = {scope.binder.text(question.event)}"
    if question.page:
        pattern = scope.binder.text(like_pattern(question.page))
        return f"(name = 'pageview' and like(path, {pattern}))"
    return "false"
