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
from portal.messages.message import Line, Message, Point, Table, Topic
from portal.reports.schedule import Due, before
from store.query.model import Result

_METRICS = ("visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "engaged_time")
_ROWS = 5
_LISTS = (
    ("Top pages", "event:page", "page"),
    ("Top sources", "visit:source", "source"),
    ("Countries", "visit:country", "country"),
)
_TITLES = {Topic.WEEKLY: "Week", Topic.MONTHLY: "Month"}


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
    tables = [
        _table(title, _ask_list(asker, days, dimension, "visitors"), kind)
        for title, dimension, kind in _LISTS
    ]
    if asker.site.goals:
        tables.append(_table("Goals", _ask_list(asker, days, "event:goal", "visitors"), "goal"))
    title = f"{_TITLES[due.topic]} of {asker.site.host}: {Days(due.first, due.last).label()}"
    return Message(
        topic=due.topic,
        site=asker.site.host,
        title=title,
        text="",
        path=f"/sites/{asker.site.host}?period=custom&from={days[0]}&to={days[1]}",
        figures=_figures(head),
        tables=tuple(table for table in tables if table.rows),
        chart=_chart(series),
        chart_title="Visitors by day",
        data={
            "first_day": days[0],
            "last_day": days[1],
            "metrics": dict(zip(_METRICS, head.results[0]["metrics"], strict=True)),
            "before": dict(zip(_METRICS, head.results[0]["comparison"]["metrics"], strict=True)),
            "lists": {table.title: {row.name: row.value for row in table.rows} for table in tables},
        },
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
                figure.label,
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
        Point(f"{date.fromisoformat(row['dimensions'][0]):%-d %b}", row["metrics"][0])
        for row in series.results
    )
