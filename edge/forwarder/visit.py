"""One visit as a value: what it takes in, what it shows, and the form in which it is kept.

Which visit an event belongs to is decided in ``edge.forwarder.visits``. The one invariant: the same
events in the same order give the same values, byte for byte, also after ``render`` and ``parse``.
"""

from operator import attrgetter
from typing import Any, NamedTuple, Self

import orjson

from edge.event import ENGAGEMENT, PAGEVIEW, VISIT_ATTRIBUTES, Event
from edge.signals import SIGNALS

NEVER_ALONE = frozenset({ENGAGEMENT, *SIGNALS})
"""Events that show a visit to be alive and are none of what it counts (docs/adr/0021)."""

_SINCE_BOTS = ("", 0)
"""Operator and evidence, which visits kept by a release before them do not have."""
_ATTRIBUTES_AT = Event._fields.index(VISIT_ATTRIBUTES[0])


class StreamId(NamedTuple):
    """The place of an entry in its shard's stream: the order of truth."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read ``1700000000000-0``."""
        ms, _, seq = raw.partition(b"-")
        return cls(int(ms), int(seq))

    def next(self) -> "StreamId":
        """Return the smallest id that comes after."""
        return StreamId(self.ms, self.seq + 1)

    def __str__(self) -> str:
        """Write the id as Redis does."""
        return f"{self.ms}-{self.seq}"


class Visit:
    """One visit as it stands. ``keys`` are the hashes of its visitor: its own and an alias.

    ``visitor``, ``local_day``, ``anchor_ms``, ``opened`` and ``attributes`` are those of the event
    that opened it and never change (INGESTION 1.5, 5.2). ``entry_ms`` and ``exit_ms`` have a
    meaning only with page views. ``batch`` numbers the last batch that changed it; it is not kept.
    """

    __slots__ = (
        "anchor_ms",
        "attributes",
        "batch",
        "end_ms",
        "engaged_ms",
        "entry_hostname",
        "entry_ms",
        "entry_page",
        "events",
        "exit_hostname",
        "exit_ms",
        "exit_page",
        "interactive_events",
        "keys",
        "last",
        "last_alive_ms",
        "local_day",
        "opened",
        "pageviews",
        "site_id",
        "start_ms",
        "version",
        "visit_id",
        "visitor",
    )

    def __init__(self, visit_id: int, opened: StreamId, event: Event) -> None:
        self.visit_id = visit_id
        self.site_id = event.site_id
        self.visitor = event.visitor
        self.local_day = event.local_day
        self.keys: list[int] = []
        self.opened = opened
        self.last = opened
        self.anchor_ms = event.ts_ms
        self.start_ms = event.ts_ms
        self.end_ms = event.ts_ms
        self.last_alive_ms = event.ts_ms
        self.entry_ms = 0
        self.exit_ms = 0
        self.engaged_ms = 0
        self.pageviews = 0
        self.events = 0
        self.interactive_events = 0
        self.entry_page = ""
        self.entry_hostname = ""
        self.exit_page = ""
        self.exit_hostname = ""
        self.attributes: tuple[Any, ...] = event[_ATTRIBUTES_AT:]
        self.version = 0
        self.batch = 0

    @property
    def is_bounce(self) -> bool:
        """Exactly one page view and no interactive custom event (NUMBERS 3)."""
        return self.pageviews == 1 and self.interactive_events == 0

    @property
    def duration_ms(self) -> int:
        """First to last event, engagement left out; a bounce lasts 0 (NUMBERS 4)."""
        return 0 if self.is_bounce else self.end_ms - self.start_ms

    def distance_ms(self, ts_ms: int) -> int:
        """Tell how far a moment is from the span between start and last sign of life."""
        return max(self.start_ms - ts_ms, ts_ms - self.last_alive_ms, 0)

    def absorb(self, at: StreamId, event: Event) -> None:
        """Take an event in."""
        ts = event.ts_ms
        self.last = at
        # Comparisons: max() and min() cost three times as much, and this runs for every event.
        if ts > self.last_alive_ms:  # noqa: PLR1730
            self.last_alive_ms = ts
        name = event.name
        if name in NEVER_ALONE:
            self.engaged_ms += event.engaged_ms if name == ENGAGEMENT else 0
            return
        self.events += 1
        if ts < self.start_ms:
            self.start_ms = ts
        elif ts > self.end_ms:
            self.end_ms = ts
        if name == PAGEVIEW:
            self._take_page(event)
        elif event.interactive:
            self.interactive_events += 1

    def _take_page(self, event: Event) -> None:
        """Of page views at the same moment the first to arrive is the entry, the last the exit."""
        ts = event.ts_ms
        if not self.pageviews or ts < self.entry_ms:
            self.entry_ms, self.entry_page, self.entry_hostname = ts, event.path, event.hostname
        if not self.pageviews or ts >= self.exit_ms:
            self.exit_ms, self.exit_page, self.exit_hostname = ts, event.path, event.hostname
        self.pageviews += 1

    def session(self) -> tuple[Any, ...]:
        """Give the visit's values in the order of ``SESSION_FIELDS``."""
        return (
            self.site_id,
            self.visit_id,
            self.visitor,
            self.local_day,
            self.anchor_ms,
            self.start_ms,
            self.end_ms,
            self.last_alive_ms,
            self.entry_ms,
            self.exit_ms,
            self.duration_ms,
            self.engaged_ms,
            self.pageviews,
            self.events,
            self.interactive_events,
            1 if self.is_bounce else 0,
            self.entry_page,
            self.entry_hostname,
            self.exit_page,
            self.exit_hostname,
            *self.attributes,
            self.last.ms,
            self.last.seq,
            self.version,
        )

    def render(self) -> bytes:
        """Write the compact form that is kept between batches."""
        return orjson.dumps((*self.opened, *self.last, *_kept_values(self)))

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what ``render`` wrote.

        Raises:
            ValueError: It is not a visit of this release's form.
        """
        opened_ms, opened_seq, last_ms, last_seq, *values = orjson.loads(raw)
        visit = cls.__new__(cls)
        for name, value in zip(_KEPT, values, strict=True):
            setattr(visit, name, value)
        visit.opened, visit.last = StreamId(opened_ms, opened_seq), StreamId(last_ms, last_seq)
        known = tuple(visit.attributes)
        visit.attributes = known if len(known) == len(VISIT_ATTRIBUTES) else (*known, *_SINCE_BOTS)
        visit.batch = 0
        return visit


_KEPT = tuple(name for name in Visit.__slots__ if name not in {"batch", "opened", "last"})
_kept_values = attrgetter(*_KEPT)

SESSION_FIELDS: tuple[str, ...] = (
    "site_id",
    "visit_id",
    "visitor",
    "local_day",
    "anchor",
    "start_at",
    "end_at",
    "last_alive",
    "entry_at",
    "exit_at",
    "duration_ms",
    "engaged_ms",
    "pageviews",
    "events",
    "interactive_events",
    "is_bounce",
    "entry_page",
    "entry_hostname",
    "exit_page",
    "exit_hostname",
    *VISIT_ATTRIBUTES,
    "last_stream_ms",
    "last_stream_seq",
    "version",
)
"""Columns of ``sessions`` that ``Visit.session`` fills, in order."""
