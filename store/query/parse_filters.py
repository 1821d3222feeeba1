"""Parse filter trees: ``["is", "visit:country", ["FR", "DE"]]``, joined by and, or, not.

Bounded on every side (depth, number and length of values), so that no request can make a statement
too long for the store. Whether a regular expression compiles is asked of the store when it runs.
"""

from dataclasses import dataclass, replace
from typing import cast

from store.query.dimensions import GOAL, TIME_DIMENSIONS, allowed_names, find_dimension
from store.query.goals import Goal, Segment
from store.query.model import (
    Behaviour,
    Connective,
    Filter,
    Junction,
    Leaf,
    Negation,
    Operator,
    QueryError,
    QuerySite,
    Reached,
)

MAX_DEPTH = 8
MAX_CONDITIONS = 100
MAX_VALUES = 1_000
MAX_VALUE_CHARACTERS = 2_000
MAX_PATTERN_CHARACTERS = 500
BEHAVIOURS = ("has_done", "has_not_done")
SEGMENT = "segment"
_OPERATORS = tuple(operator.value for operator in Operator)
_GOAL_OPERATORS = (Operator.IS, Operator.CONTAINS)
_ALL = (*_OPERATORS, "and", "or", "not", *BEHAVIOURS)


@dataclass(frozen=True, slots=True)
class _Where:
    """Where a filter stands: at which site, within a behaviour, within a segment."""

    site: QuerySite
    in_behaviour: bool = False
    in_segment: bool = False
    hits: bool = False


def parse_filters(
    value: object, site: QuerySite, *, in_segment: bool = False, hits: bool = False
) -> tuple[Filter, ...]:
    """Parse the list under ``filters``, all of which must hold.

    ``site`` lends its goals and segments; a segment is not made of segments. With ``hits`` they may
    ask for what only the edge knows.

    Raises:
        QueryError: With the place of what is wrong, such as ``filters[0][2][1]``.
    """
    if not isinstance(value, list):
        raise QueryError("wrong_type", "filters must be a list.", "filters")
    where = _Where(site, in_segment=in_segment, hits=hits)
    found = tuple(_parse(part, f"filters[{index}]", 1, where) for index, part in enumerate(value))
    _check_size(found)
    return found


def _parse(value: object, field: str, depth: int, where: _Where) -> Filter:
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise QueryError(
            "bad_filter", "A filter is a list that begins with an operator.", field, _ALL
        )
    if depth > MAX_DEPTH:
        raise QueryError("too_deep", f"Filters nest at most {MAX_DEPTH} deep.", field)
    operator, rest = value[0], value[1:]
    if operator in {"and", "or"}:
        parts = _joined(rest, field, depth, where)
        return Junction(Connective(operator), parts)
    if operator == "not" or operator in BEHAVIOURS:
        return _wrapping(operator, rest, field, depth, where)
    if operator not in _OPERATORS:
        raise QueryError(
            "unknown_operator", f"There is no operator {operator!r}.", f"{field}[0]", _ALL
        )
    return _leaf(Operator(operator), rest, field, where)


def _joined(rest: list[object], field: str, depth: int, where: _Where) -> tuple[Filter, ...]:
    if len(rest) != 1 or not isinstance(rest[0], list) or not rest[0]:
        message = 'and, or take one list of filters: ["and", [filter, filter]].'
        raise QueryError("bad_filter", message, f"{field}[1]")
    return tuple(
        _parse(part, f"{field}[1][{index}]", depth + 1, where) for index, part in enumerate(rest[0])
    )


def _wrapping(operator: str, rest: list[object], field: str, depth: int, where: _Where) -> Filter:
    if len(rest) != 1:
        raise QueryError("bad_filter", f"{operator} takes one filter.", f"{field}[1]")
    if operator == "not":
        part = _parse(rest[0], f"{field}[1]", depth + 1, where)
        return Negation(part)
    if where.in_behaviour:
        raise QueryError("bad_filter", "has_done cannot stand within has_done.", f"{field}[0]")
    condition = _parse(rest[0], f"{field}[1]", depth + 1, replace(where, in_behaviour=True))
    return Behaviour(operator == "has_done", condition)


def _leaf(operator: Operator, rest: list[object], field: str, where: _Where) -> Filter:
    if len(rest) not in {2, 3}:
        message = f'{operator} takes a dimension and a list of values: ["{operator}", "…", ["…"]].'
        raise QueryError("bad_filter", message, field)
    if rest[0] == SEGMENT:
        return _segments(operator, rest[1], field, where)
    dimension = _dimension(rest[0], f"{field}[1]", where)
    values = _values(rest[1], operator, f"{field}[2]")
    sensitive = _case_sensitive(rest[2], f"{field}[3]") if len(rest) > 2 else True  # noqa: PLR2004 - operator, dimension, values, then modifiers.
    leaf = Leaf(operator, dimension, values, sensitive)
    return _reached(leaf, field, where.site) if dimension == GOAL else leaf


def _reached(leaf: Leaf, field: str, site: QuerySite) -> Reached:
    """Find the goals that a filter names."""
    names = tuple(goal.name for goal in site.goals)
    if not names:
        message = "event:goal needs a goal, and this site has none."
        raise QueryError("needs_goal", message, f"{field}[1]")
    if leaf.operator not in _GOAL_OPERATORS:
        message = "Goals are found by is or contains; who did not reach one by has_not_done."
        raise QueryError("bad_filter", message, f"{field}[0]", (*_GOAL_OPERATORS, "has_not_done"))
    folded = [leaf.fold(value) for value in leaf.values]
    for index, value in enumerate(folded):
        if leaf.operator is Operator.IS and value not in map(leaf.fold, names):
            message = f"The goal {leaf.values[index]!r} is not configured for this site."
            raise QueryError("unknown_goal", message, f"{field}[2][{index}]", names)
    return Reached(tuple(goal for goal in site.goals if _is_named(goal, leaf, folded)))


def _is_named(goal: Goal, leaf: Leaf, folded: list[str]) -> bool:
    name = leaf.fold(goal.name)
    return name in folded if leaf.operator is Operator.IS else any(part in name for part in folded)


def _segments(operator: Operator, value: object, field: str, where: _Where) -> Filter:
    """Put the filters of saved segments in the place of their ids; one of several is enough."""
    known = {segment.id: segment for segment in where.site.segments}
    ids = tuple(str(number) for number in known)
    if operator is not Operator.IS or where.in_behaviour or where.in_segment:
        message = 'A segment stands as ["is", "segment", [id]], outside has_done and segments.'
        raise QueryError("bad_filter", message, f"{field}[0]", ("is",))
    if not isinstance(value, list) or not value:
        raise QueryError("bad_filter", "A filter's values are a list with at least one.", field)
    parts = []
    for index, number in enumerate(value):
        if type(number) is not int or number not in known:
            message = f"There is no segment {number!r} here."
            raise QueryError("unknown_segment", message, f"{field}[2][{index}]", ids)
        parts.append(_segment(known[number], replace(where, in_segment=True)))
    return parts[0] if len(parts) == 1 else Junction(Connective.OR, tuple(parts))


def _segment(segment: Segment, where: _Where) -> Filter:
    place = f"segment[{segment.id}]"
    parts = tuple(
        _parse(part, f"{place}[{index}]", 1, where) for index, part in enumerate(segment.filters)
    )
    return Junction(Connective.AND, parts)


def _dimension(value: object, field: str, where: _Where) -> str:
    allowed = tuple(n for n in allowed_names(hits=where.hits) if n not in TIME_DIMENSIONS)
    found = find_dimension(value) if isinstance(value, str) and _is_text(value) else None
    if found is None or (found.of_hit and not where.hits):
        raise QueryError("unknown_dimension", f"There is no dimension {value!r}.", field, allowed)
    if where.in_behaviour and not found.of_event:
        message = "has_done looks at events: its dimensions begin with event:."
        events = tuple(name for name in allowed if name.startswith("event:"))
        raise QueryError("bad_filter", message, field, events)
    return found.name


def _values(value: object, operator: Operator, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise QueryError("bad_filter", "A filter's values are a list with at least one.", field)
    pattern = operator.positive in {Operator.MATCHES, Operator.MATCHES_WILDCARD}
    most = MAX_PATTERN_CHARACTERS if pattern else MAX_VALUE_CHARACTERS
    for index, entry in enumerate(value):
        place = f"{field}[{index}]"
        if not isinstance(entry, str) or not _is_text(entry):
            raise QueryError("wrong_type", "A filter's values are strings.", place)
        if len(entry) > most:
            raise QueryError("too_long", f"The value is longer than {most} characters.", place)
    return tuple(cast("list[str]", value))


def _is_text(value: str) -> bool:
    """Say whether a string can be stored: no NUL, no half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _case_sensitive(value: object, field: str) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"case_sensitive"}:
        raise QueryError("unknown_key", "There is no such modifier.", field, ("case_sensitive",))
    sensitive = value.get("case_sensitive", True)
    if not isinstance(sensitive, bool):
        raise QueryError("wrong_type", "case_sensitive is true or false.", field)
    return sensitive


def _check_size(filters: tuple[Filter, ...]) -> None:
    found = [leaf for part in filters for leaf in every_leaf(part)]
    if len(found) > MAX_CONDITIONS:
        message = f"A query has at most {MAX_CONDITIONS} conditions."
        raise QueryError("too_many", message, "filters")
    if sum(len(leaf.values) for leaf in found) > MAX_VALUES:
        raise QueryError("too_many", f"Filters have at most {MAX_VALUES} values.", "filters")


def every_leaf(condition: Filter) -> list[Leaf]:
    """Return all leaves of a filter, those of behaviours too."""
    match condition:
        case Leaf():
            return [condition]
        case Junction():
            return [leaf for part in condition.parts for leaf in every_leaf(part)]
        case Negation():
            return every_leaf(condition.part)
        case Behaviour():
            return every_leaf(condition.condition)
        case Reached():
            return []
