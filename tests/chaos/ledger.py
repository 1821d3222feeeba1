"""What is in the store after the load, and in Redis' account of it, held against the load."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.sites import SHARDS
from statflow.paths import Paths
from store.client import Store
from tests.chaos.reference import Figures, Row
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

    def check_events(self, sent: dict[int, Sent], tally: Tally) -> Counter[str]:
        """Assert that what is stored is what was sent, once; returns how many of each outcome."""
        stored = Counter(row.number for row in self.rows)
        assert not [n for n, times in stored.items() if times > 1], "events are stored twice"
        assert stored.keys() <= sent.keys(), "something is stored that was never sent"
        for row in self.rows:
            event = sent[row.number]
            kept = (row.name, row.path, row.interactive, row.engaged_ms)
            assert kept == (event.name, event.path, event.interactive, event.engaged_ms)
        acknowledged = [event for batch in tally.acknowledged for event in batch.events]
        missing = [event for event in acknowledged if event.number not in stored]
        lost = [event for event in missing if event.name != "engagement"]
        assert not lost, f"{len(lost)} acknowledged events are lost, such as {lost[:3]}"
        self._check_homeless({event.number for event in missing}, tally)
        unknown = {event.number for batch in tally.unknown for event in batch.events}
        return Counter(
            stored=len(stored),
            homeless=len(missing),
            unknown=len(unknown),
            unknown_stored=len(unknown & stored.keys()),
        )

    def _check_homeless(self, missing: set[int], tally: Tally) -> None:
        """Assert of dropped engagement that no visit near it was acknowledged before it was sent.

        Only fresh events are judged: where both are at most five minutes old and were sent within
        ten minutes, thirty minutes cannot lie between them.
        """
        opened_ms: dict[int, int] = {}
        for batch in tally.acknowledged:
            if any(e.name != "engagement" and e.age_ms <= 5 * MINUTE_MS for e in batch.events):
                at_ms = min(opened_ms.get(batch.visitor, batch.answered_ms), batch.answered_ms)
                opened_ms[batch.visitor] = at_ms
        for batch in tally.acknowledged:
            for event in batch.events:
                if event.number in missing and event.age_ms <= 5 * MINUTE_MS:
                    is_orphan = batch.sent_ms <= opened_ms.get(event.visitor, batch.sent_ms)
                    assert is_orphan, f"engagement {event} had a visit and is lost"

    def visitor_hashes(self, sent: dict[int, Sent]) -> dict[int, set[int]]:
        """Give the hashes under which each identity is stored."""
        hashes: dict[int, set[int]] = {}
        for row in self.rows:
            hashes.setdefault(sent[row.number].visitor, set()).add(row.visitor)
        return hashes


def open_store(data: Path) -> Store:
    """Open the running store of a data folder."""
    return Store(json.loads((data / "store.json").read_text())["url"])


def read_accounts(data: Path) -> tuple[int, Counter[str]]:
    """Read from Redis how many entries wait, and the account of the others (INGESTION 7)."""
    waiting, counts = 0, Counter[str]()
    with Redis(unix_socket_path=str(Paths(data).redis_socket)) as redis:
        for shard in range(SHARDS):
            keys = ShardKeys.of(shard)
            waiting += _whole(redis.xlen(keys.events)) + _whole(redis.exists(keys.plan))
            for name, value in _pairs(redis.hgetall(keys.counts)):
                counts[name.partition(b":")[2].decode()] += int(value)
    return waiting, counts


def has_plan(data: Path) -> bool:
    """Tell whether a batch is being written just now."""
    with Redis(unix_socket_path=str(Paths(data).redis_socket)) as redis:
        return any(redis.mget([ShardKeys.of(shard).plan for shard in range(SHARDS)]))


def _whole(answer: Any) -> int:
    return int(answer)


def _pairs(answer: Any) -> list[tuple[bytes, bytes]]:
    return list(answer.items())
