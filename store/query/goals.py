"""Goals and segments as the query engine knows them: values that a site's team has defined.

Who may define and see them is the portal's. What an event must be to reach a goal becomes SQL in
``conditions``. The one invariant: a goal is found by its name, which is unique within its site.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.query.fragments import Fragment, any_of

MAX_SCROLL = 100
NO_SCROLL = 255
"""What an engagement event holds whose depth was not measured."""


class GoalKind(StrEnum):
    """What reaches a goal: a page view, a custom event, enough of a page seen, or a document."""

    PAGE = "page"
    EVENT = "event"
    SCROLL = "scroll"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal of a site.

    ``target`` is the event's name, or for pages and scroll depth a pattern of the whole path in
    which ``*`` and ``**`` stand for any characters. ``props`` must all be equal; ``scroll`` is the
    percentage at least seen. A goal with a ``currency`` earns the revenue of events in it. A
    document served reaches one by its ``method`` and ``status`` (``303`` or ``3xx``), where they
    are not empty.
    """

    id: int
    name: str
    kind: GoalKind
    target: str
    props: tuple[tuple[str, str], ...] = ()
    scroll: int = 0
    currency: str = ""
    method: str = ""
    status: str = ""


class Between(StrEnum):
    """What may happen between two steps of a funnel: anything, or nothing that counts."""

    ANY = "any"
    NOTHING = "nothing"


class Within(StrEnum):
    """Whose steps a funnel follows: those of one visit, or of one visitor in a salt period."""

    VISIT = "visit"
    VISITOR = "visitor"


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps that are reached one after another, each by an event of its own.

    Units: ``window_s`` are the seconds from the first step within which the others count.
    """

    steps: tuple[Goal, ...]
    between: Between = Between.ANY
    within: Within = Within.VISITOR
    window_s: int = 86_400
    id: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A saved set of filters, in the form of the API; all of them must hold."""

    id: int
    name: str
    filters: tuple[Any, ...]


def counted(goals: tuple[Goal, ...], conditions: list[Fragment]) -> Fragment:
    """Return what an event must be to count, where ``goals`` are asked for.

    Engagement counts as nothing (NUMBERS 2), except where it reaches a goal of scroll depth, and
    so does a document;
    ``conditions`` are those of the goals, in their order.
    """
    plain = Fragment("name != 'engagement'")
    deep = [
        condition
        for goal, condition in zip(goals, conditions, strict=True)
        if goal.kind in {GoalKind.SCROLL, GoalKind.HTTP}
    ]
    return any_of([plain, *deep]) if deep else plain
