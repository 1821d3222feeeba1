"""The numbers of a weekly or monthly report, asked as the dashboard asks them.

The same questions by the same parser, so a report says what the dashboard says of the same days.
Numbers are defined in ``docs/numbers.md``.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from portal.dashboard.figures import FIGURES, change, full, short
from portal.dashboard.periods import Days
from portal.dashboard.places import shown
from portal.dashboard.questions import Asker
from portal.language import N_, _, spoken
from portal.messages.message import Line, Message, Point, Table, Topic
from portal.reports.schedule import Due, before
from portal.writing import short_day
from store.query.model import Result

_METRICS = ("visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "engaged_time")
_ROWS = 5
_LISTS = (
    (N_("Top pages"), "event:page", "page"),
    (N_("Top sources"), "visit:source", "source"),
    (N_("Countries"), "visit:country", "country"),
)
_GOALS = (N_("Goals"), "event:goal", "goal")
_TITLES = {
    Topic.WEEKLY: N_("Week of %(host)s: %(days)s"),
    Topic.MONTHLY: N_("Month of %(host)s: %(days)s"),
}


def write_digest(asker: Asker, due: Due) -> Message:
    """Ask for a report's numbers and write it.

    Raises:
        StoreUnavailable: The store does not answer.
        StoreError: It refuses.
        QueryError: It costs too much.
    """
    days = [due.first.isoformat(), due.last.isoformat()]
    earlier = [day.isoformat() for day in before(due)]
    compared = {"comparisons": {"mode": "custom", "date_range": earlier}}
    head = asker.ask({"metrics": list(_METRICS), "date_range": days, "include": compared})
    series = asker.ask({"metrics": ["visitors"], "date_range": days, "dimensions": ["time:day"]})
    lists = [*_LISTS, *([_GOALS] if asker.site.goals else [])]
    tables = {
        title: _table(_(title), _ask_list(asker, days, dimension, "visitors"), kind)
        for title, dimension, kind in lists
    }
    label = Days(due.first, due.last).label()
    title = _(_TITLES[due.topic], host=asker.site.host, days=label)
    return Message(
        topic=due.topic,
        site=asker.site.host,
        title=title,
        text="",
        path=f"/sites/{asker.site.host}?period=custom&from={days[0]}&to={days[1]}",
        figures=_figures(head),
        tables=tuple(table for table in tables.values() if table.rows),
        chart=_chart(series),
        chart_title=_("Visitors by day"),
        data={
            "first_day": days[0],
            "last_day": days[1],
            "metrics": dict(zip(_METRICS, head.results[0]["metrics"], strict=True)),
            "before": dict(zip(_METRICS, head.results[0]["comparison"]["metrics"], strict=True)),
            "lists": {
                name: {row.name: row.value for row in table.rows} for name, table in tables.items()
            },
        },
        language=spoken(),
    )


def _ask_list(asker: Asker, days: Sequence[str], dimension: str, metric: str) -> Result:
    return asker.ask(
        {
            "metrics": [metric],
            "date_range": list(days),
            "dimensions": [dimension],
            "order_by": [[metric, "desc"], [dimension, "asc"]],
            "pagination": {"limit": _ROWS, "offset": 0},
        }
    )


def _figures(head: Result) -> tuple[Line, ...]:
    row: dict[str, Any] = head.results[0]
    compared = row["comparison"]
    lines = []
    for place, metric in enumerate(_METRICS):
        figure = FIGURES[metric]
        moved = change(figure, compared["change"][place], compared["metrics"][place])
        sign = {"up": "+", "down": "\N{MINUS SIGN}"}.get(moved.arrow, "") if moved else ""
        lines.append(
            Line(
                _(figure.label),
                short(row["metrics"][place], figure.unit),
                f"{sign}{moved.text}" if moved else "",
                moved.tone if moved else "even",
            )
        )
    return tuple(lines)


def _table(title: str, found: Result, kind: str) -> Table:
    return Table(
        title,
        tuple(
            Line(shown(kind, row["dimensions"][0]), full(row["metrics"][0]))
            for row in found.results
        ),
    )


def _chart(series: Result) -> tuple[Point, ...]:
    return tuple(
        Point(
            short_day(date.fromisoformat(row["dimensions"][0]), with_year=False), row["metrics"][0]
        )
        for row in series.results
    )
