"""What is in the store after the load, and in Redis' account of it, held against the load."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.sites import SHARDS
from store.client import Store
from tests.chaos.reference import Figures, Row, replay
from tests.chaos.traffic import MINUTE_MS, Sent, Tally

_EVENTS = """
select visit_id, toUInt32OrNull(props['n']), visitor, toUnixTimestamp64Milli(ts), name, interactive,
    path, engaged_ms
from events
order by shard, generation, stream_ms, stream_seq
"""
_FIGURES = """
toUnixTimestamp64Milli(start_at), toUnixTimestamp64Milli(end_at),
    toUnixTimestamp64Milli(last_alive), duration_ms, engaged_ms, pageviews, events,
    interactive_events, is_bounce, entry_page, exit_page
"""
_SUMS = """
select visit_id, sum(sign), sum(sign * duration_ms), sum(sign * engaged_ms),
    sum(sign * pageviews), sum(sign * events), sum(sign * interactive_events),
    sum(sign * is_bounce)
from sessions
group by visit_id
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the tables have of a load: numbers of events, each list empty if all is well.

    ``homeless`` is engagement that was acknowledged and had no visit, which is in order;
    ``unknown_stored`` are events that were neither acknowledged nor refused for certain.
    """

    stored: int
    doubled: list[int]
    lost: list[Sent]
    altered: list[int]
    wrong_visits: list[str]
    homeless: int
    unknown: int
    unknown_stored: int

    def check(self) -> None:
        """Assert that every acknowledged event is stored once, as sent, in the right visit."""
        assert not self.doubled, f"events are stored twice: {self.doubled[:5]}"
        assert not self.lost, f"acknowledged events are lost: {self.lost[:3]}"
        assert not self.altered, f"events are stored otherwise than sent: {self.altered[:5]}"
        assert not self.wrong_visits, self.wrong_visits[:2]


class Ledger:
    """One reading of the tables."""

    def __init__(self, store: Store) -> None:
        self.visit_ids: list[int] = []
        self.rows: list[Row] = []
        for visit_id, *row in store.query(_EVENTS):
            self.visit_ids.append(visit_id)
            self.rows.append(Row(*row))
        self.sessions = {
            visit_id: values
            for visit_id, *values in store.query(f"select visit_id, {_FIGURES} from sessions final")
        }
        self.sums = {visit_id: values for visit_id, *values in store.query(_SUMS)}
        self.marked_rows = int(store.query("select sum(event_rows) from batches")[0][0])

    def visits(self) -> dict[int, Figures]:
        """Read ``sessions final``, with the events that carry each visit's id."""
        members: dict[int, set[int]] = {visit_id: set() for visit_id in self.sessions}
        for visit_id, row in zip(self.visit_ids, self.rows, strict=True):
            members.setdefault(visit_id, set()).add(row.number)
        assert members.keys() == self.sessions.keys()
        return {
            visit_id: Figures(frozenset(members[visit_id]), *values)
            for visit_id, values in self.sessions.items()
        }

    def judge(
        self,
        sent: dict[int, Sent],
        tally: Tally,
        *,
        steady_clock: bool = True,
        slack_ms: int = 0,
    ) -> Judgement:
        """Hold what is stored of ``sent`` against what the clients were told.

        ``steady_clock``: engagement may be homeless only where no visit was near it, and an event's
        time is when it was sent, less its age; once a clock jumped nothing can be said of either.
        ``slack_ms``: how far the salt Redis's clock, which edges go by, may be from the clients'.
        """
        rows = [row for row in self.rows if row.number in sent]
        stored = Counter(row.number for row in rows)
        acknowledged = [event for batch in tally.acknowledged for event in batch.events]
        missing = [event for event in acknowledged if event.number not in stored]
        lost = [event for event in missing if event.name != "engagement"]
        if steady_clock:
            lost += self._lost_engagement({event.number for event in missing}, tally)
        unknown = {event.number for batch in tally.unknown for event in batch.events}
        return Judgement(
            stored=len(stored),
            doubled=[number for number, times in stored.items() if times > 1],
            lost=lost,
            altered=[row.number for row in rows if not _is_as_sent(row, sent[row.number])]
            + (_mistimed(rows, tally, slack_ms) if steady_clock else []),
            wrong_visits=self.wrong_visits(sent.keys()),
            homeless=len(missing) - len(lost),
            unknown=len(unknown),
            unknown_stored=len(unknown & stored.keys()),
        )

    def wrong_visits(self, numbers: Collection[int]) -> list[str]:
        """Find visits with any of these events that differ from a plain replay, FINAL or summed."""
        expected = {figures.numbers: figures for figures in replay(self.rows)}
        found: dict[frozenset[int], Figures] = {}
        wrong: list[str] = []
        for visit_id, figures in self.visits().items():
            if figures.numbers in found:
                wrong.append(f"two visits of {sorted(figures.numbers)[:5]}")
            found[figures.numbers] = figures
            if self.sums[visit_id] != _sums_of(figures):
                wrong.append(f"sums of {figures}: {self.sums[visit_id]}")
        wrong += [
            f"{found.get(key)} instead of {expected.get(key)}"
            for key in expected.keys() | found.keys()
            if expected.get(key) != found.get(key) and not key.isdisjoint(numbers)
        ]
        return wrong

    def _lost_engagement(self, missing: set[int], tally: Tally) -> list[Sent]:
        """Find dropped engagement near which a visit was acknowledged before it was sent.

        Only fresh events are judged: where both are at most five minutes old and were sent within
        ten minutes, thirty minutes cannot lie between them.
        """
        opened_ms: dict[int, int] = {}
        for batch in tally.acknowledged:
            if any(e.name != "engagement" and e.age_ms <= 5 * MINUTE_MS for e in batch.events):
                at_ms = min(opened_ms.get(batch.visitor, batch.answered_ms), batch.answered_ms)
                opened_ms[batch.visitor] = at_ms
        return [
            event
            for batch in tally.acknowledged
            for event in batch.events
            if event.number in missing
            and event.name == "engagement"
            and event.age_ms <= 5 * MINUTE_MS
            and 0 < batch.sent_ms - opened_ms.get(event.visitor, batch.sent_ms) < 10 * MINUTE_MS
        ]

    def visitor_hashes(self, sent: dict[int, Sent]) -> dict[int, set[int]]:
        """Give the hashes under which each identity is stored."""
        hashes: dict[int, set[int]] = {}
        for row in self.rows:
            hashes.setdefault(sent[row.number].visitor, set()).add(row.visitor)
        return hashes


def _is_as_sent(row: Row, event: Sent) -> bool:
    kept = (row.name, row.path, row.interactive, row.engaged_ms)
    return kept == (event.name, event.path, event.interactive, event.engaged_ms)


def _mistimed(rows: list[Row], tally: Tally, slack_ms: int) -> list[int]:
    """Find events whose time is not between sending and answer, less the age they had."""
    spans = {
        event.number: (
            batch.sent_ms - event.age_ms - slack_ms,
            batch.answered_ms - event.age_ms + slack_ms,
        )
        for batch in tally.acknowledged
        for event in batch.events
    }
    return [
        row.number
        for row in rows
        if row.number in spans and not spans[row.number][0] <= row.ts_ms <= spans[row.number][1]
    ]


def _sums_of(figures: Figures) -> list[Any]:
    return [
        1,
        figures.duration_ms,
        figures.engaged_ms,
        figures.pageviews,
        figures.events,
        figures.interactive_events,
        figures.is_bounce,
    ]


def open_store(data: Path) -> Store:
    """Open the running store of a data folder."""
    return Store(json.loads((data / "store.json").read_text())["url"])


def read_accounts(redis_url: str) -> tuple[int, Counter[str]]:
    """Read from Redis how many entries wait, and the account of the others (INGESTION 7)."""
    waiting, counts = 0, Counter[str]()
    with Redis.from_url(redis_url) as redis:
        for shard in range(SHARDS):
            keys = ShardKeys.of(shard)
            waiting += _whole(redis.xlen(keys.events)) + _whole(redis.exists(keys.plan))
            for name, value in _pairs(redis.hgetall(keys.counts)):
                counts[name.partition(b":")[2].decode()] += int(value)
    return waiting, counts


def has_plan(redis_url: str) -> bool:
    """Tell whether a batch is being written just now."""
    with Redis.from_url(redis_url) as redis:
        return any(redis.mget([ShardKeys.of(shard).plan for shard in range(SHARDS)]))


def _whole(answer: Any) -> int:
    return int(answer)


def _pairs(answer: Any) -> list[tuple[bytes, bytes]]:
    return list(answer.items())
