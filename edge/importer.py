"""Bring past events in: lines of CONTRACT 5 become the same rows that live traffic makes.

Lines are taken in order of ``ts``, ties in file order. Page, source, channel and campaign come from
the pipeline's own steps, visits from ``edge.forwarder.visits``; a field that the line gives itself
wins. Rows go to ClickHouse by the ordinary client, not through Redis: in chunks with tokens
(import, chunk), each with a marker in ``batches`` under shard 255. Reading files is
``statflow.importing``. The one invariant: the same lines make the same chunks, so an import that
was interrupted goes on where it stopped, and one that is repeated changes nothing.

A visitor is known by a hash of the site, the local day and the line's ``visitor``; each event also
carries the hash of the day before, so that a visit over midnight keeps the one it began with.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, sha256
from ipaddress import IPv4Address
from itertools import islice
from typing import Any

from edge.collector.payload import Fault, parse_event
from edge.event import Beacon, Event, Sender
from edge.forwarder.batches import (
    event_columns,
    marker_columns,
    session_columns,
    signal_columns,
)
from edge.forwarder.plan import Plan
from edge.forwarder.visit import StreamId
from edge.forwarder.visits import Batch, Visits
from edge.pipeline.draft import Context, Device, Draft, Place
from edge.pipeline.moment import put_moment
from edge.pipeline.page import put_page, put_props
from edge.pipeline.source import put_campaign, put_channel, put_referrer, put_source
from edge.sites import Site
from store.client import Store
from store.dirty_days import mark_dirty, touched_days
from store.imports import IMPORT_SHARD

CHUNK_EVENTS = 50_000
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
GIVEN = ("source", *UTM, "language")
PLACE = ("country", "region", "city")
DEVICE = ("browser", "browser_version", "os", "os_version", "device")
_NOWHERE = IPv4Address(0)


class ImportFileError(ValueError):
    """A line cannot be imported; the message says which, and what was expected."""


@dataclass(slots=True)
class Summary:
    """What an import did. ``chunks_present`` were there already from an earlier run."""

    events: int = 0
    chunks: int = 0
    chunks_present: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class _Nothing:
    """Looks nothing up: an import says itself where its events were."""

    def find(self, _address: object) -> Place:
        return Place()

    def read(self, _agent: bytes) -> Device:
        return Device()


def import_number(site_id: int, name: str, resets: int = 0) -> int:
    """Number an import by its site and name, for tokens and markers; 64 bits.

    The site's resets are its data epoch: after one the same file is another import.
    """
    epoch = f":{resets}" if resets else ""
    return int.from_bytes(sha256(f"{site_id}:{name}{epoch}".encode()).digest()[:8])


def count_resets(store: Store, site_id: int) -> int:
    """Count how often everything of a site was erased.

    Raises:
        StoreUnavailable, StoreError: It cannot be counted.
    """
    sql = "select count() from erasures where site_id = {site_id:UInt32} and kind = 'reset'"
    return int(store.query(sql, {"site_id": site_id})[0][0])


def parse_line(raw: Any, site: Site) -> Event:
    """Make an event of one line.

    Raises:
        ImportFileError: A field is missing or wrong.
    """
    if not isinstance(raw, dict):
        raise ImportFileError("expected an object")
    visitor = raw.get("visitor")
    if not isinstance(visitor, str) or not visitor:
        raise ImportFileError("visitor: expected a text that is not empty")
    beacon = parse_event(
        {
            "name": raw.get("name"),
            "url": raw.get("url"),
            "referrer": raw.get("referrer") or "",
            "props": raw.get("props") or {},
            "revenue": raw.get("revenue"),
            "interactive": raw.get("interactive", True),
            "g": raw.get("engaged_ms", 0),
            **({"d": raw["scroll"]} if raw.get("scroll") is not None else {}),
        },
        site.currency,
    )
    if isinstance(beacon, Fault):
        raise ImportFileError(f"{beacon.field}: {beacon.message}")
    return _derive(raw, beacon, site, parse_ts(raw.get("ts")), visitor)


def parse_ts(raw: Any) -> int:
    """Read an ISO 8601 time with its zone as Unix milliseconds.

    Raises:
        ImportFileError: It is not one.
    """
    try:
        moment = datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        raise ImportFileError(
            f"ts: {raw!r} is not a time such as 2026-01-02T03:04:05.678Z"
        ) from None
    if moment.tzinfo is None:
        raise ImportFileError(f"ts: {raw!r} has no zone; end it with Z")
    return round(moment.timestamp() * 1000)


def _derive(raw: dict[str, Any], beacon: Beacon, site: Site, ts_ms: int, visitor: str) -> Event:
    sender = Sender(site, _NOWHERE, b"", {}, ts_ms)
    nothing = _Nothing()
    draft = Draft(beacon, sender, Context(ts_ms, {}, {}, nothing, nothing))
    for step in (put_page, put_moment, put_props, put_referrer, put_campaign, put_source):
        step(draft)
    for name in GIVEN:
        if name in raw:
            setattr(draft, name, _text(raw, name))
    put_channel(draft)
    draft.place = Place(**{name: _text(raw, name) for name in PLACE if name in raw})
    draft.device = Device(**{name: _text(raw, name) for name in DEVICE if name in raw})
    draft.visitor = _hash(site.id, draft.local_day, visitor)
    draft.previous = _hash(site.id, draft.local_day - 1, visitor)
    return draft.to_event()


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw[name]
    if not isinstance(value, str):
        raise ImportFileError(f"{name}: expected a text")
    return value


def _hash(site_id: int, local_day: int, visitor: str) -> int:
    text = f"{site_id}:{local_day}:{visitor}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8, person=b"statflow-import"[:16]).digest())


def import_events(
    store: Store,
    number: int,
    events: Iterable[Event],
    progress: Callable[[Summary], None] = lambda _summary: None,
) -> Summary:
    """Write events, in order of time, that make up the import ``number``.

    Raises:
        StoreUnavailable: ClickHouse is away; run it again later, it goes on from here.
        StoreError: ClickHouse refuses the rows.
    """
    summary = Summary()
    present = _chunks_present(store, number)
    visits = Visits(IMPORT_SHARD, number)
    position = 0
    for chunk in _chunked(iter(events)):
        first, position = position + 1, position + len(chunk)
        for at, event in enumerate(chunk, first):
            visits.place(StreamId(at, 0), event)
        batch = visits.end_batch()
        summary.chunks += 1
        summary.events += len(batch.events)
        summary.dropped["no_visit"] += sum(batch.no_visit.values())
        if first in present:
            summary.chunks_present += 1
        else:
            plan = Plan(0, number, StreamId(first, 0), StreamId(position, 0), len(chunk))
            _write(store, plan, batch)
        progress(summary)
    return summary


def _write(store: Store, plan: Plan, batch: Batch) -> None:
    number, session_rows = plan.generation, len(batch.before) + len(batch.after)
    events = event_columns(batch, IMPORT_SHARD, number)
    tables = {
        "events": events,
        "signals": signal_columns(batch, IMPORT_SHARD, number),
        "sessions": session_columns(batch, IMPORT_SHARD, number),
        "batches": marker_columns(plan, IMPORT_SHARD, len(events["ts"]), session_rows),
    }
    days = touched_days(tables.values(), time.time())
    mark_dirty(store, days)
    for table, columns in tables.items():
        if table == "batches":
            mark_dirty(store, days)
        if len(next(iter(columns.values()))):
            store.insert(table, columns, token=plan.token(IMPORT_SHARD, table))


def _chunked(events: Iterator[Event]) -> Iterator[list[Event]]:
    while chunk := list(islice(events, CHUNK_EVENTS)):
        yield chunk


def _chunks_present(store: Store, number: int) -> set[int]:
    rows = store.query(
        "select first_ms from batches where shard = {shard:UInt8} and generation = {number:UInt64}",
        {"shard": IMPORT_SHARD, "number": number},
    )
    return {int(first) for (first,) in rows}
