"""What the visits of stored events are, in the plainest way (NUMBERS 1-4 and 16, INGESTION 4).

Reads rows of ``events`` in (shard, generation, stream id) order and shares no code with the
forwarder. Engagement that had no visit is in no table, so it is not here either; it opens nothing,
and at most moves the watermark by what the next event moves it anyway.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

MINUTE_MS = 60_000


class Row(NamedTuple):
    """What the reference needs of a row of ``events``."""

    number: int
    visitor: int
    ts_ms: int
    name: str
    interactive: bool
    path: str
    engaged_ms: int


class Figures(NamedTuple):
    """A visit's numbers as ``sessions`` must have them."""

    numbers: frozenset[int]
    start_ms: int
    end_ms: int
    last_alive_ms: int
    duration_ms: int
    engaged_ms: int
    pageviews: int
    events: int
    interactive_events: int
    is_bounce: bool
    entry_page: str
    exit_page: str


@dataclass
class NaiveVisit:
    rows: list[Row] = field(default_factory=list)

    @property
    def counted(self) -> list[Row]:
        return [row for row in self.rows if row.name != "engagement"]

    def distance_ms(self, ts_ms: int) -> int:
        start = min(row.ts_ms for row in self.counted)
        alive = max(row.ts_ms for row in self.rows)
        return max(start - ts_ms, ts_ms - alive, 0)

    def figures(self) -> Figures:
        counted = self.counted
        views = sorted((r for r in counted if r.name == "pageview"), key=lambda row: row.ts_ms)
        interactive = [r for r in counted if r.name != "pageview" and r.interactive]
        start, end = min(r.ts_ms for r in counted), max(r.ts_ms for r in counted)
        is_bounce = len(views) == 1 and not interactive
        return Figures(
            frozenset(row.number for row in self.rows),
            start,
            end,
            max(row.ts_ms for row in self.rows),
            0 if is_bounce else end - start,
            sum(row.engaged_ms for row in self.rows if row.name == "engagement"),
            len(views),
            len(counted),
            len(interactive),
            is_bounce,
            views[0].path if views else "",
            views[-1].path if views else "",
        )


def replay(rows: Iterable[Row]) -> list[Figures]:
    """Group one site's rows, in stream order, into visits."""
    visits: dict[int, list[NaiveVisit]] = defaultdict(list)
    watermark_ms = 0
    for row in rows:
        watermark_ms = max(watermark_ms, row.ts_ms)
        near = [
            visit for visit in visits[row.visitor] if visit.distance_ms(row.ts_ms) <= 30 * MINUTE_MS
        ]
        if near and row.ts_ms >= watermark_ms - 90 * MINUTE_MS:
            # Of two as near the one that starts earlier, and of those the one that opened first.
            chosen = min(
                near,
                key=lambda visit: (
                    visit.distance_ms(row.ts_ms),
                    min(counted.ts_ms for counted in visit.counted),
                ),
            )
        else:
            assert row.name != "engagement", f"engagement {row.number} is stored without a visit"
            chosen = NaiveVisit()
            visits[row.visitor].append(chosen)
        chosen.rows.append(row)
    return [visit.figures() for of_visitor in visits.values() for visit in of_visitor]
