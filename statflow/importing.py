"""Read events from a file or from the demo's generator, and import them.

Exports of other products become lines of ours first (``statflow.umami``).

Deriving and writing is ``edge.importer``. A file is checked whole before its first row is written,
and is taken in order of time without being held in memory: only each line's time and place are.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from edge.event import Event
from edge.forwarder.hits import hit_columns
from edge.importer import (
    ImportFileError,
    Summary,
    count_resets,
    import_events,
    import_number,
    parse_line,
    parse_ts,
)
from edge.sites import Site, parse_site
from edge.sites_feed import write_atomically
from portal.commands import sites_payload
from statflow import umami
from statflow.accounts import open_accounts
from statflow.demo.edge import DemoEdge
from statflow.demo.traffic import generate
from statflow.paths import Paths
from statflow.services import open_store
from statflow.settings import Settings

DEMO_DAYS = 90
DEMO_EVENTS = 150_000
DEMO_SEED = 7
DEMO_HITS_AT_ONCE = 20_000


def import_events_file(
    settings: Settings, paths: Paths, host: str, file: Path, form: str, *, dry_run: bool = False
) -> dict[str, Any]:
    """Import a file of ``form`` into the site ``host``; returns what was done, or would be.

    Raises:
        ImportFileError: No such site, or a line cannot be imported; nothing was written.
    """
    site = find_site(settings, paths, host)
    if form == "statflow":
        return _import_lines(settings, paths, site, file, dry_run=dry_run)
    with TemporaryDirectory(prefix="import-", dir=paths.data) as folder:
        lines = Path(folder) / "lines.ndjson"
        skipped = _convert(file, lines, site)
        return _import_lines(settings, paths, site, lines, dry_run=dry_run) | {
            "skipped": dict(skipped)
        }


def _convert(file: Path, lines: Path, site: Site) -> Counter[str]:
    """Write another product's export as lines; what cannot be imported is counted with why.

    Raises:
        ImportFileError: It is no such export.
    """
    skipped: Counter[str] = Counter()
    try:
        with umami.rows_of(file) as rows, lines.open("wb") as out:
            for row in rows:
                line = umami.as_line(row, skipped)
                if line is not None and _can_be_imported(line, site, skipped):
                    out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    except (umami.NoExportError, UnicodeDecodeError) as error:
        raise ImportFileError(f"{file.name} is no export of Umami: {error}") from None
    return skipped


def _can_be_imported(line: dict[str, Any], site: Site, skipped: Counter[str]) -> bool:
    try:
        parse_line(line, site)
    except ImportFileError as error:
        skipped[str(error)] += 1
        return False
    return True


def _import_lines(
    settings: Settings, paths: Paths, site: Site, file: Path, *, dry_run: bool
) -> dict[str, Any]:
    with file.open("rb") as opened:
        digest = sha256()
        order: list[tuple[int, int]] = []
        for number, offset, line in _lines(opened):
            digest.update(line)
            if line.strip():
                order.append((_checked(line, site, number), offset))
        order.sort()
        if dry_run:
            return _foreseen(order)

        def events() -> Iterator[Event]:
            for _, offset in order:
                opened.seek(offset)
                yield parse_line(orjson.loads(opened.readline()), site)

        with open_store(settings, paths) as store:
            name = import_number(site.id, digest.hexdigest(), count_resets(store, site.id))
            summary = import_events(store, name, events(), _show)
    return _answer(name, summary)


def _foreseen(order: list[tuple[int, int]]) -> dict[str, Any]:
    def shown(ts_ms: int) -> str:
        return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="seconds")

    times = {"first": shown(order[0][0]), "last": shown(order[-1][0])} if order else {}
    return {"dry_run": True, "events": len(order), **times}


def seed_demo(settings: Settings, paths: Paths, host: str) -> None:
    """Give the demo its past, once; a seeding that was interrupted goes on with the same events."""
    mark = paths.data / "demo_seed.json"
    state = (
        json.loads(mark.read_text()) if mark.exists() else {"now": datetime.now(UTC).isoformat()}
    )
    if state.get("done"):
        return
    write_atomically(mark, json.dumps(state).encode())
    site = find_site(settings, paths, host)
    lines = generate(
        host=host,
        now=datetime.fromisoformat(state["now"]),
        days=DEMO_DAYS,
        events=DEMO_EVENTS,
        seed=DEMO_SEED,
        zone=site.zone,
    )
    edge = DemoEdge(site, DEMO_SEED)
    with open_store(settings, paths) as store:
        number = import_number(site.id, f"demo {state['now']}")
        events = edge.watch(parse_line(line, site) for line in lines)
        summary = import_events(store, number, events, _show)
        for first, hits in enumerate(batched(edge.hits, DEMO_HITS_AT_ONCE)):
            store.insert("hits", hit_columns(hits), token=f"demo-{number}-{first}")
    write_atomically(mark, json.dumps(state | {"done": True}).encode())
    print(f"{summary.events} events of the last {DEMO_DAYS} days", flush=True)  # noqa: T201


def find_site(settings: Settings, paths: Paths, host: str) -> Site:
    """Find a site by its host or an alias.

    Raises:
        ImportFileError: There is none.
    """
    with open_accounts(settings, paths) as accounts, accounts.reading() as session:
        rows = sites_payload(session)
    for row in rows:
        site = parse_site(row)
        if host.lower() in site.hosts:
            return site
    raise ImportFileError(f"there is no site {host!r}; add it with: statflow site add")


def _lines(opened: Any) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    for number, line in enumerate(opened, 1):
        yield number, offset, line
        offset += len(line)


def _checked(line: bytes, site: Site, number: int) -> int:
    """Check one line and return its time.

    Raises:
        ImportFileError: It cannot be imported; the message names the line.
    """
    try:
        raw = orjson.loads(line)
        parse_line(raw, site)
        return parse_ts(raw["ts"])
    except orjson.JSONDecodeError as error:
        raise ImportFileError(f"line {number}: not JSON: {error}") from None
    except ImportFileError as error:
        raise ImportFileError(f"line {number}: {error}") from None


def _show(summary: Summary) -> None:
    if sys.stderr.isatty():
        print(f"\r{summary.events:,} events", end="", file=sys.stderr, flush=True)  # noqa: T201


def _answer(number: int, summary: Summary) -> dict[str, Any]:
    return {
        "import": f"{number:016x}",
        "events": summary.events,
        "chunks": summary.chunks,
        "chunks_present": summary.chunks_present,
        "dropped": {reason: n for reason, n in summary.dropped.items() if n},
    }
