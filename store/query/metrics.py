"""Every metric, in one ordered list: what it is made of, how it is rounded, how it is compared.

A metric is an expression over sums ("ingredients") that parts of a statement deliver; ``plan``
decides which table each part reads. All rounding is half away from zero and done in whole numbers,
so that no float decides a digit. ``docs/numbers.md`` has a row for each of these (a test compares).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from store.query.model import Metric


class Source(StrEnum):
    """The kinds of part a statement can be made of.

    MAIN: who and what there was. ENTERED and LEFT: visits, read by their entry or exit page.
    VIEWED: page views, where exit pages are the dimension. ENGAGED: engagement events, by visit.
    EARNED: events with revenue. REACHED: goals. GROUP: the same rows without goals and properties.
    SERVED: documents that the edge served. CRAWLED: those that bots took. CAPTURED: those that the
    tracker could confirm. BROUGHT: visits of people, by who runs the crawlers of where they came
    from. SEEN: what the tracker's modules saw.
    """

    MAIN = "main"
    ENTERED = "entered"
    LEFT = "left"
    VIEWED = "viewed"
    ENGAGED = "engaged"
    EARNED = "earned"
    REACHED = "reached"
    GROUP = "group"
    SERVED = "served"
    CRAWLED = "crawled"
    CAPTURED = "captured"
    BROUGHT = "brought"
    SEEN = "seen"


class Change(StrEnum):
    """How a metric is compared with an earlier time (NUMBERS 9)."""

    PERCENT = "percent"
    POINTS = "points"
    TENTHS = "tenths"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric.

    ``needs`` names the ingredients; in ``expression`` they stand as ``{name}``. ``empty`` is the
    value where there is nothing.
    """

    metric: Metric
    needs: tuple[tuple[str, Source, str], ...]
    expression: str
    change: Change = Change.PERCENT
    empty: int | None = 0


def _plain(metric: Metric, source: Source, ingredient: str) -> MetricDefinition:
    return MetricDefinition(metric, (("x", source, ingredient),), "{x}")


def _ratio(above: str, below: str, factor: int = 1, scale: int = 1, empty: str = "0") -> str:
    """Return the SQL of ``factor * above / below``, rounded to ``scale`` parts of one.

    Short, as the engine takes longer to understand such a text than to read a rollup.
    """
    whole = f"intDivOrZero({2 * factor * scale} * {above} + {below}, 2 * {below})"
    shown = whole if scale == 1 else f"{whole} / {scale}"
    return shown if empty == "0" else f"if({below} = 0, {empty}, {shown})"


def _per_visit(
    metric: Metric, ingredient: str, expression: str, change: Change = Change.PERCENT
) -> MetricDefinition:
    needs = (("visits", Source.ENTERED, "visits"), ("x", Source.ENTERED, ingredient))
    return MetricDefinition(metric, needs, expression, change)


def _quantile(metric: Metric, source: Source) -> MetricDefinition:
    """Return a percentile in whole milliseconds; a layout shift is a score with 3 decimals."""
    scale = 1_000 if metric.startswith("cls") else 1
    whole = f"toInt64(floor({{x}} * {scale} + 0.5))"
    needs = (("x", source, metric.value),)
    return MetricDefinition(
        metric, needs, whole if scale == 1 else f"{whole} / {scale}", empty=None
    )


VITALS: dict[str, tuple[Metric, Metric, Metric]] = {
    "LCP": (Metric.LCP_P50, Metric.LCP_P75, Metric.LCP_P95),
    "INP": (Metric.INP_P50, Metric.INP_P75, Metric.INP_P95),
    "CLS": (Metric.CLS_P50, Metric.CLS_P75, Metric.CLS_P95),
    "FCP": (Metric.FCP_P50, Metric.FCP_P75, Metric.FCP_P95),
    "TTFB": (Metric.BROWSER_TTFB_P50, Metric.BROWSER_TTFB_P75, Metric.BROWSER_TTFB_P95),
}
"""Each vital by its label in ``signals``, and its percentiles."""

METRICS: tuple[MetricDefinition, ...] = (
    _plain(Metric.VISITORS, Source.MAIN, "visitors"),
    _plain(Metric.VISITS, Source.MAIN, "visits"),
    _plain(Metric.PAGEVIEWS, Source.MAIN, "pageviews"),
    _plain(Metric.EVENTS, Source.MAIN, "events"),
    _per_visit(Metric.VIEWS_PER_VISIT, "pageviews", _ratio("{x}", "{visits}", scale=100)),
    _per_visit(Metric.BOUNCE_RATE, "bounces", _ratio("{x}", "{visits}", 100), change=Change.POINTS),
    _per_visit(Metric.VISIT_DURATION, "duration_ms", _ratio("{x}", "(1000 * {visits})")),
    MetricDefinition(
        Metric.PERCENTAGE,
        (("x", Source.MAIN, "visitors"),),
        _ratio("{x}", "{total_visitors}", 100, 100),
    ),
    MetricDefinition(
        Metric.TIME_ON_PAGE,
        (("ms", Source.ENGAGED, "engaged_ms"), ("visits", Source.ENGAGED, "engaged_visits")),
        _ratio("{ms}", "(1000 * {visits})", empty="null"),
        empty=None,
    ),
    MetricDefinition(
        Metric.SCROLL_DEPTH,
        (("sum", Source.ENGAGED, "scroll_sum"), ("visits", Source.ENGAGED, "scroll_visits")),
        _ratio("{sum}", "{visits}", empty="null"),
        empty=None,
    ),
    MetricDefinition(
        Metric.EXIT_RATE,
        (("exits", Source.LEFT, "exits"), ("views", Source.VIEWED, "pageviews")),
        _ratio("{exits}", "{views}", 100, 10),
        change=Change.TENTHS,
    ),
    _plain(Metric.ENTRANCES, Source.ENTERED, "entrances"),
    _plain(Metric.EXITS, Source.LEFT, "exits"),
    _per_visit(Metric.ENGAGED_TIME, "engaged_ms", _ratio("{x}", "(1000 * {visits})")),
    _per_visit(
        Metric.ENGAGEMENT_RATE,
        "engaged_visits",
        _ratio("{x}", "{visits}", 100),
        change=Change.POINTS,
    ),
    MetricDefinition(
        Metric.CONVERSION_RATE,
        (("x", Source.MAIN, "visitors"),),
        _ratio("{x}", "{everybody}", 100, 100),
        change=Change.TENTHS,
    ),
    MetricDefinition(
        Metric.GROUP_CONVERSION_RATE,
        (("x", Source.MAIN, "visitors"), ("group", Source.GROUP, "visitors")),
        _ratio("{x}", "{group}", 100, 100),
        change=Change.TENTHS,
    ),
    _plain(Metric.TOTAL_REVENUE, Source.EARNED, "revenue"),
    MetricDefinition(
        Metric.AVERAGE_REVENUE,
        (("x", Source.EARNED, "revenue"), ("sales", Source.EARNED, "sales")),
        f"sign({{x}}) * ({_ratio('abs({x})', '{sales}', empty='null')})",
        empty=None,
    ),
    MetricDefinition(
        Metric.GOALS_PER_VISIT,
        (("x", Source.REACHED, "reached"), ("visits", Source.MAIN, "visits")),
        _ratio("{x}", "{visits}", scale=100),
    ),
    _plain(Metric.HITS, Source.SERVED, "hits"),
    _plain(Metric.BYTES, Source.SERVED, "bytes"),
    _quantile(Metric.TTFB_P50, Source.SERVED),
    _quantile(Metric.TTFB_P95, Source.SERVED),
    MetricDefinition(
        Metric.CAPTURE_RATE,
        (("had", Source.CAPTURED, "measured"), ("came", Source.CAPTURED, "confirmed")),
        _ratio("least({came}, {had})", "{had}", 100, 10, empty="null"),
        change=Change.TENTHS,
        empty=None,
    ),
    _plain(Metric.CRAWLED_PAGES, Source.CRAWLED, "pages"),
    MetricDefinition(
        Metric.CRAWL_TO_VISIT_RATIO,
        (("pages", Source.CRAWLED, "pages"), ("visits", Source.BROUGHT, "visits")),
        _ratio("{pages}", "{visits}", scale=100, empty="null"),
        empty=None,
    ),
    _plain(Metric.CLICKS, Source.SEEN, "clicks"),
    _plain(Metric.RAGE_CLICKS, Source.SEEN, "rage_clicks"),
    _plain(Metric.DEAD_CLICKS, Source.SEEN, "dead_clicks"),
    _plain(Metric.ERRORS, Source.SEEN, "errors"),
    *(_quantile(metric, Source.SEEN) for metrics in VITALS.values() for metric in metrics),
)

BY_METRIC: dict[Metric, MetricDefinition] = {entry.metric: entry for entry in METRICS}

ENGAGED_VISIT_MS = 10_000
"""Engaged time that makes a visit an engaged one (NUMBERS 12)."""

EDGE_SOURCES = frozenset({Source.SERVED, Source.CRAWLED, Source.CAPTURED, Source.BROUGHT})
"""What is counted of documents that the edge served, and beside them."""

OUTER_SOURCES = EDGE_SOURCES | {Source.SEEN}
"""What is counted in tables of its own, so that it may be where no visit is."""

VISIT_SOURCES = frozenset({Source.ENTERED, Source.LEFT})

PAGE_METRICS = frozenset({Metric.TIME_ON_PAGE, Metric.SCROLL_DEPTH})
"""Metrics that mean something only of a page: they need it as a dimension or in a filter."""

CONVERSION_METRICS = frozenset({Metric.CONVERSION_RATE, Metric.GROUP_CONVERSION_RATE})
"""Metrics of those who reached a goal: they need one as a dimension or in a filter."""

REVENUE_METRICS = frozenset({Metric.TOTAL_REVENUE, Metric.AVERAGE_REVENUE})
"""Metrics that are an amount of money, in minor units until the answer is written."""

type Value = int | float | None


def change_of(metric: Metric, before: Value, now: Value) -> Value:
    """Compare two values of a metric: percent, or the difference where it is a rate itself.

    Source: NUMBERS 9. None where one of the values is.
    """
    if before is None or now is None:
        return None
    old, new = Decimal(str(before)), Decimal(str(now))
    rule = BY_METRIC[metric].change
    if rule is Change.POINTS:
        return int(new - old)
    if rule is Change.TENTHS:
        return float((new - old).quantize(Decimal("0.1"), ROUND_HALF_UP))
    if old == 0:
        return 100 if new > 0 else 0
    return int((100 * (new - old) / old).quantize(Decimal(1), ROUND_HALF_UP))
