"""``statflow top``: what every part does now, live in a terminal.

Reads the roles' private ports, as Prometheus does, and shows rates between two readings, lag, drops
and times. The one invariant: it only reads, and a part that does not answer is said, not left out.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

PATIENCE = aiohttp.ClientTimeout(total=3)
_MOST_ROWS = 8
_OK = 200

type Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Reading:
    """Sums of all samples at one moment, over the parts that answered; ``at_s`` is monotonic."""

    at_s: float
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)
    away: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add one part's exposition."""
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                self.samples[key] = self.samples.get(key, 0.0) + sample.value

    def total(self, name: str, **labels: str) -> float:
        """Add up a metric's samples with these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (found, has), value in self.samples.items()
            if found == name and wanted <= set(has)
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """Add up a metric by one label."""
        sums: dict[str, float] = {}
        for (found, has), value in self.samples.items():
            if found == name:
                key = dict(has).get(label, "")
                sums[key] = sums.get(key, 0.0) + value
        return sums


@dataclass(frozen=True, slots=True)
class Between:
    """Two readings: what was counted in the time between them."""

    before: Reading
    now: Reading

    def rate(self, name: str, **labels: str) -> float:
        """Give a counter's growth a second; a part that began anew counts from nothing."""
        grown = self.now.total(name, **labels) - self.before.total(name, **labels)
        return max(grown, 0.0) / self._seconds

    def rates(self, name: str, label: str) -> list[tuple[str, float]]:
        """Give the growth a second by a label, the most first."""
        now, before = self.now.by(name, label), self.before.by(name, label)
        found = {
            key: max(value - before.get(key, 0.0), 0.0) / self._seconds
            for key, value in now.items()
        }
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))

    def quantile(self, name: str, share: float) -> float | None:
        """Give the end of the bucket below which a share of the newest values lie, in seconds."""
        now, before = self.now.by(f"{name}_bucket", "le"), self.before.by(f"{name}_bucket", "le")
        buckets = sorted((float(le), now[le] - before.get(le, 0.0)) for le in now)
        count = buckets[-1][1] if buckets else 0.0
        if count <= 0:
            return None
        return next(le for le, up_to in buckets if up_to >= share * count)

    @property
    def _seconds(self) -> float:
        return max(self.now.at_s - self.before.at_s, 0.001)


async def read_parts(addresses: Sequence[str]) -> Reading:
    """Ask every part for its metrics."""
    reading = Reading(time.monotonic())
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        texts = await asyncio.gather(*(_read(session, address) for address in addresses))
    for address, text in zip(addresses, texts, strict=True):
        if text is None:
            reading.away.append(address)
        else:
            reading.add(text)
    return reading


async def _read(session: aiohttp.ClientSession, address: str) -> str | None:
    try:
        async with session.get(f"{address.rstrip('/')}/metrics") as answer:
            return await answer.text() if answer.status == _OK else None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None


async def show(addresses: Sequence[str], every_s: float, *, once: bool) -> None:
    """Show the parts until interrupted, or once after two readings."""
    before = await read_parts(addresses)
    console = Console()
    if once:
        await asyncio.sleep(every_s)
        console.print(draw(Between(before, await read_parts(addresses))))
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(every_s)
            now = await read_parts(addresses)
            live.update(draw(Between(before, now)), refresh=True)
            before = now


def draw(seen: Between) -> RenderableType:
    """Draw all there is to see."""
    now = seen.now
    flow = [
        ("Events accepted", _a_second(seen.rate("statflow_events_total", outcome="accepted"))),
        ("Events appended", _a_second(seen.rate("statflow_buffer_appended_events_total"))),
        ("Events refused", _a_second(seen.rate("statflow_buffer_refused_events_total"))),
        ("Events stored", _a_second(seen.rate("statflow_forwarder_stored_events_total"))),
        ("Documents", _a_second(seen.rate("statflow_documents_total"))),
        ("Hits stored", _a_second(seen.rate("statflow_hits_stored_total"))),
        ("Portal requests", _a_second(seen.rate("statflow_portal_request_seconds_count"))),
    ]
    waits = [
        ("Waiting to be stored", f"{now.total('statflow_forwarder_lag_events'):,.0f}"),
        ("Waiting in edges", f"{now.total('statflow_buffer_waiting_events'):,.0f}"),
        ("Spool", f"{now.total('statflow_buffer_spool_bytes') / 1e6:,.1f} MB"),
        ("Dead letters", f"{now.total('statflow_dead_letters'):,.0f}"),
        ("Stopped shards", f"{now.total('statflow_forwarder_stopped_shards'):,.0f}"),
        ("Messages waiting", f"{now.total('statflow_messages_waiting'):,.0f}"),
        ("Open connections", f"{now.total('statflow_connections'):,.0f}"),
    ]
    times = [
        (label, f"{_milliseconds(seen, name, 0.5)} / {_milliseconds(seen, name, 0.95)}")
        for label, name in (
            ("Added to a page", "statflow_added_seconds"),
            ("Origin's first byte", "statflow_ttfb_seconds"),
            ("A batch", "statflow_forwarder_batch_seconds"),
            ("A portal page", "statflow_portal_request_seconds"),
        )
    ]
    drops = [
        (outcome, _a_second(rate))
        for outcome, rate in seen.rates("statflow_events_total", "outcome")
        if outcome != "accepted"
    ]
    sites = [
        (f"site {site}", _a_second(rate))
        for site, rate in seen.rates("statflow_events_total", "site")
    ]
    lists = [
        _list("Flow", flow),
        _list("Waiting", waits),
        _list("50 % / 95 % within", times),
        _list("Drops", drops),
        _list("Sites", sites),
    ]
    away = [f"[bold red]{address} is away[/]" for address in now.away]
    return Group(*away, Columns(lists, padding=(0, 3)))


def _list(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False, min_width=30)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in list(rows)[:_MOST_ROWS]:
        table.add_row(name, value)
    return table


def _a_second(rate: float) -> str:
    return f"{rate:,.1f}/s"


def _milliseconds(seen: Between, name: str, share: float) -> str:
    value = seen.quantile(name, share)
    if value is None:
        return "\N{EN DASH}"
    return "longer" if value == float("inf") else f"{value * 1000:,.0f} ms"
