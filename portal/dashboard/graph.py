"""Series of numbers as the page draws them: data of the main graph, points of a sparkline.

Pure. The chart is drawn by ``portal.dashboard.still``, and again by ``static/js/chart.js`` for who
points at it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from portal.dashboard.figures import Figure, Value, plain, short
from portal.dashboard.state import State
from portal.dashboard.still import Scale, Still, draw_still, scale_of, tick_every
from portal.language import _
from portal.writing import long_day, month, short_day
from store.query.model import Result

SPARK_WIDTH = 100
SPARK_HEIGHT = 24


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything the graph shows: a label a bucket, and each metric's values.

    ``days`` are each bucket's first and last day; ``notes`` those of a day with their bucket.
    """

    figures: Mapping[str, Figure]
    labels: list[str]
    long_labels: list[str]
    values: dict[str, list[Value]]
    before_labels: list[str]
    before: dict[str, list[Value]]
    present: bool
    days: list[tuple[str, str]]
    notes: list[dict[str, Any]]

    def sparkline(self, metric: str) -> str:
        """Write a metric's line as an SVG polyline's points; the unfinished present is left out."""
        values = [plain(value) or 0 for value in self.values[metric]]
        return sparkline(values[:-1] if self.present and len(values) > 2 else values)  # noqa: PLR2004 - a line is left

    def still(self, metric: str) -> Still:
        """Draw a metric for the page itself."""
        now, before = self.values[metric], self.before.get(metric, [])
        return draw_still(
            self.labels,
            [plain(value) for value in now],
            [plain(value) for value in before],
            self._scale(metric),
            present=self.present,
            notes={note["at"] for note in self.notes},
        )

    def _scale(self, metric: str) -> Scale:
        before = self.before.get(metric, [])[: len(self.labels)]
        return scale_of(self.values[metric], before, self.figures[metric].unit)

    def data(self, metric: str) -> dict[str, Any]:
        """Write the graph for the script, plain JSON."""
        return {
            "metric": metric,
            "labels": self.labels,
            "titles": self.long_labels,
            "days": self.days,
            "notes": self.notes,
            "beforeTitles": self.before_labels,
            "present": self.present,
            "tickEvery": tick_every(len(self.labels)),
            "series": [self._series(self.figures[name]) for name in self.values],
        }

    def _series(self, figure: Figure) -> dict[str, Any]:
        now, before = self.values[figure.metric], self.before.get(figure.metric)
        scale = self._scale(figure.metric)
        return {
            "metric": figure.metric,
            "label": _(figure.label),
            "top": scale.top,
            "step": scale.step,
            "levels": scale.texts,
            "values": [plain(value) for value in now],
            "text": [short(value, figure.unit) for value in now],
            "before": None if before is None else [plain(value) for value in before],
            "beforeText": [short(value, figure.unit) for value in before or ()],
        }


@dataclass(frozen=True, slots=True)
class Note:
    """What happened on a day."""

    id: int
    day: date
    text: str


def make_graph(state: State, result: Result, notes: Iterable[Note] = ()) -> Graph:
    """Turn an answer about time into a graph; its last bucket may be the present one."""
    found = result.results
    compared = [row["comparison"] for row in found if "comparison" in row]
    names = state.graphed
    before = _columns(names, [row["metrics"] for row in compared]) if compared else {}
    if not any(plain(value) for column in before.values() for value in column):
        before = {}  # A line of zeros would say that something was counted.
    days = _days(state, [row["dimensions"][0] for row in found])
    return Graph(
        figures=state.graphs,
        labels=[_tick(row["dimensions"][0], state.interval) for row in found],
        long_labels=[_title(row["dimensions"][0], state.interval) for row in found],
        values=_columns(names, [row["metrics"] for row in found]),
        before_labels=[_title(row["dimensions"][0], state.interval) for row in compared if before],
        before=before,
        present=state.days.last >= state.today,
        days=days,
        notes=_notes(notes, days),
    )


def _columns(names: Sequence[str], lines: list[list[Value]]) -> dict[str, list[Value]]:
    return {name: [line[i] for line in lines] for i, name in enumerate(names)}


def _days(state: State, labels: Sequence[str]) -> list[tuple[str, str]]:
    """Give each bucket's first and last day; a bucket ends before the next one begins."""
    begins = [moment.date() for label in labels if (moment := _moment(label)) is not None]
    if len(begins) < len(labels):
        return []
    ends = [*(begin - timedelta(days=1) for begin in begins[1:]), state.days.last]
    return [
        (begin.isoformat(), max(begin, end).isoformat())
        for begin, end in zip(begins, ends, strict=True)
    ]


def _notes(notes: Iterable[Note], days: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Find the bucket of each note; by the hour that is the first of its day."""
    placed = []
    for note in notes:
        day = note.day.isoformat()
        at = next((i for i, (first, last) in enumerate(days) if first <= day <= last), None)
        if at is not None:
            placed.append(
                {
                    "at": at,
                    "day": day,
                    "said_day": short_day(note.day, with_year=False),
                    "text": note.text,
                    "id": note.id,
                }
            )
    return placed


def _moment(label: str) -> datetime | None:
    try:
        return datetime.fromisoformat(label)
    except ValueError:
        return None


def _tick(label: str, interval: str) -> str:
    moment = _moment(label)
    if moment is None:
        return label
    if interval == "hour":
        return f"{moment:%H:%M}"
    if interval == "month":
        return month(moment, short=True)
    return short_day(moment, with_year=False)


def _title(label: str, interval: str) -> str:
    moment = _moment(label)
    if moment is None:
        return label
    if interval == "month":
        return month(moment)
    written = long_day(moment)
    if interval == "hour":
        return f"{written}, {moment:%H:%M}"
    return _("Week from %(day)s", day=written) if interval == "week" else written


def sparkline(values: Sequence[int | float]) -> str:
    """Write values as points of a polyline in a box of SPARK_WIDTH by SPARK_HEIGHT."""
    if len(values) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    top = max(*values, 0) or 1
    step = SPARK_WIDTH / (len(values) - 1)
    height = SPARK_HEIGHT - 2
    return " ".join(
        f"{i * step:.1f},{1 + height - height * value / top:.1f}" for i, value in enumerate(values)
    )
