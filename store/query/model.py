"""The nouns of a question: metrics, dimensions, filters, ranges, the query and its answer.

Values only. ``store.query.parse`` makes a Query out of a request, ``store.query.run`` answers it;
what each metric and dimension means stands in ``metrics`` and ``dimensions``. The one invariant: a
site's id is part of QuerySite, which the caller's rights decide, and of nothing that is parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from store.query.goals import Funnel, Goal, Segment


@dataclass(frozen=True, slots=True)
class QuerySite:
    """The site a caller may ask about, with the goals and segments this caller may name.

    ``timezone`` is an IANA name.
    """

    id: int
    host: str
    timezone: str
    salt_period: str = "day"
    """For how long a visitor is known again: ``day``, ``week`` or ``month``."""
    goals: tuple[Goal, ...] = ()
    segments: tuple[Segment, ...] = ()
    funnels: tuple[Funnel, ...] = ()


class QueryError(Exception):
    """A query that cannot be answered, and why.

    ``code`` is for programs, ``message`` a sentence for people, ``field`` the place in the request
    (``filters[0][1]``), ``allowed`` what would have been right there, if that can be listed.
    """

    def __init__(
        self, code: str, message: str, field: str = "", allowed: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.allowed = tuple(allowed)


class Metric(StrEnum):
    """Every number that can be asked for; defined in ``store.query.metrics``."""

    VISITORS = "visitors"
    VISITS = "visits"
    PAGEVIEWS = "pageviews"
    EVENTS = "events"
    VIEWS_PER_VISIT = "views_per_visit"
    BOUNCE_RATE = "bounce_rate"
    VISIT_DURATION = "visit_duration"
    PERCENTAGE = "percentage"
    TIME_ON_PAGE = "time_on_page"
    SCROLL_DEPTH = "scroll_depth"
    EXIT_RATE = "exit_rate"
    ENTRANCES = "entrances"
    EXITS = "exits"
    ENGAGED_TIME = "engaged_time"
    ENGAGEMENT_RATE = "engagement_rate"
    CONVERSION_RATE = "conversion_rate"
    GROUP_CONVERSION_RATE = "group_conversion_rate"
    TOTAL_REVENUE = "total_revenue"
    AVERAGE_REVENUE = "average_revenue"
    GOALS_PER_VISIT = "goals_per_visit"
    HITS = "hits"
    BYTES = "bytes"
    TTFB_P50 = "ttfb_p50"
    TTFB_P95 = "ttfb_p95"
    CAPTURE_RATE = "capture_rate"
    CRAWLED_PAGES = "crawled_pages"
    CRAWL_TO_VISIT_RATIO = "crawl_to_visit_ratio"
    CLICKS = "clicks"
    RAGE_CLICKS = "rage_clicks"
    DEAD_CLICKS = "dead_clicks"
    ERRORS = "errors"
    LCP_P50 = "lcp_p50"
    LCP_P75 = "lcp_p75"
    LCP_P95 = "lcp_p95"
    INP_P50 = "inp_p50"
    INP_P75 = "inp_p75"
    INP_P95 = "inp_p95"
    CLS_P50 = "cls_p50"
    CLS_P75 = "cls_p75"
    CLS_P95 = "cls_p95"
    FCP_P50 = "fcp_p50"
    FCP_P75 = "fcp_p75"
    FCP_P95 = "fcp_p95"
    BROWSER_TTFB_P50 = "browser_ttfb_p50"
    BROWSER_TTFB_P75 = "browser_ttfb_p75"
    BROWSER_TTFB_P95 = "browser_ttfb_p95"


class Operator(StrEnum):
    """What a filter's leaf does with its values; any one value is enough to match."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    CONTAINS_NOT = "contains_not"
    MATCHES = "matches"
    MATCHES_NOT = "matches_not"
    MATCHES_WILDCARD = "matches_wildcard"
    MATCHES_WILDCARD_NOT = "matches_wildcard_not"

    @property
    def negative(self) -> bool:
        """Say whether the operator keeps what its values do not match."""
        return self.value.endswith("_not")

    @property
    def positive(self) -> "Operator":
        """Return the operator that this one denies, or itself."""
        return Operator(self.value.removesuffix("_not"))


class Connective(StrEnum):
    """How a filter joins others."""

    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition on one dimension, such as ``["is", "visit:country", ["FR"]]``."""

    operator: Operator
    dimension: str
    values: tuple[str, ...]
    case_sensitive: bool = True

    def fold(self, text: str) -> str:
        """Bring a text to the form in which it is compared."""
        return text if self.case_sensitive else text.lower()


@dataclass(frozen=True, slots=True)
class Junction:
    """Several filters of which all (``and``) or at least one (``or``) must hold."""

    connective: Connective
    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """A filter that must not hold."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The visit contains (``done``) or lacks an event that matches ``condition``."""

    done: bool
    condition: "Filter"


@dataclass(frozen=True, slots=True)
class Reached:
    """The event reaches one of these goals."""

    goals: tuple[Goal, ...]


type Filter = Leaf | Junction | Negation | Behaviour | Reached


@dataclass(frozen=True, slots=True)
class NamedRange:
    """A range by name, such as ``7d``; what it means depends on the day it is asked."""

    name: str


@dataclass(frozen=True, slots=True)
class DayRange:
    """Site-local days, first and last included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Moments as aware datetimes, ``end`` excluded."""

    start: datetime
    end: datetime


type DateRange = NamedRange | DayRange | TimeRange


class ComparisonMode(StrEnum):
    """Which earlier time a query is compared with."""

    PREVIOUS_PERIOD = "previous_period"
    YEAR_OVER_YEAR = "year_over_year"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison that was asked for; ``date_range`` only where the mode is custom.

    With ``match_weekdays`` it begins on the same day of the week.
    """

    mode: ComparisonMode
    date_range: DateRange | None = None
    match_weekdays: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """What an answer shall hold besides its rows."""

    time_labels: bool = False
    total_rows: bool = False
    totals: bool = False
    imports: bool = False
    comparisons: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order: a metric or a dimension of the query."""

    key: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Pagination:
    """Which rows of the answer."""

    limit: int = 10_000
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """One question about one site, checked by ``store.query.parse``.

    ``echo`` holds the parts of the request that an answer repeats as they came (filters, include).
    """

    metrics: tuple[Metric, ...]
    date_range: DateRange
    dimensions: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    order_by: tuple[Order, ...] = ()
    include: Include = Include()
    pagination: Pagination = Pagination()
    echo: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Result:
    """An answer: rows, what must be known to read them, and the query as it was understood.

    Each row is ``{"dimensions": [...], "metrics": [...]}``, with ``"comparison"`` beside them (its
    own dimensions and metrics, and ``change``) where one was asked for.
    """

    results: list[dict[str, Any]]
    meta: dict[str, Any]
    query: dict[str, Any]
