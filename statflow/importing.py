"""Read events from a file or from the demo's generator, and import them.

Exports of other products become lines of ours first, or totals (``statflow.formats``,
``statflow.importing_totals``).

Deriving and writing is ``edge.importer``. A file is checked whole before its first row is written,
and is taken in order of time without being held in memory: only each line's time and place are.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

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
from statflow.accounts import open_accounts
from statflow.demo.edge import DemoEdge
from statflow.demo.traffic import generate
from statflow.formats import ga4, ga4_reports, matomo, plausible, umami
from statflow.formats.files import NoExportError, lines_of, members_of
from statflow.importing_totals import Reader, import_totals
from statflow.paths import Paths
from statflow.services import open_store
from statflow.settings import Settings
from store.client import Store
from store.imports import Import, Kind, count_removed, note_import

type Show = Callable[[int, str], None]
type Convert = Callable[[Path, Counter[str]], Iterator[dict[str, Any]]]
LINES: dict[str, Convert] = {"umami": umami.lines, "ga4": ga4.lines, "matomo": matomo.lines}
"""Formats whose events become lines of ours."""
TOTALS: dict[str, Callable[[], Reader]] = {"plausible": plausible.Reader}
"""Formats that hold totals of days; a table of GA4's does too."""
PRODUCTS = {"plausible": "Plausible", "umami": "Umami", "ga4": "GA4", "matomo": "Matomo"}
FORMATS = ("statflow", *PRODUCTS)
DEMO_DAYS = 90
DEMO_EVENTS = 150_000
DEMO_SEED = 7
DEMO_HITS_AT_ONCE = 20_000


def import_events_file(  # noqa: PLR0913 - one argument an option of the command
    settings: Settings,
    paths: Paths,
    host: str,
    file: Path,
    form: str,
    *,
    dry_run: bool = False,
    show: Show | None = None,
) -> dict[str, Any]:
    """Import a file of ``form`` into the site ``host``; returns what was done, or would be.

    ``show`` is told how many rows are in, and of what kind.

    Raises:
        ImportFileError: No such site, or a line cannot be imported; nothing was written.
    """
    site, show = find_site(settings, paths, host), show or _show
    named = f"{file.name} is no export of {PRODUCTS.get(form, 'ours')}"
    try:
        if form in TOTALS or (form == "ga4" and _is_table(file)):
            reader = TOTALS.get(form, ga4_reports.Reader)
            with open_store(settings, paths) as store:
                return import_totals(
                    store, site, file, form=form, make_reader=reader, dry_run=dry_run,
                    progress=lambda rows: show(rows, "totals"),
                )  # fmt: skip
        if form == "statflow":
            return _import_lines(
                settings, paths, site, file, (form, file.name), show, dry_run=dry_run
            )
        with TemporaryDirectory(prefix="import-", dir=paths.data) as folder:
            lines = Path(folder) / "lines.ndjson"
            skipped = _convert(LINES[form], file, lines, site)
            named_as = (form, file.name)
            done = _import_lines(settings, paths, site, lines, named_as, show, dry_run=dry_run)
            return done | {"skipped": dict(skipped)}
    except NoExportError as error:
        raise ImportFileError(f"{named}: {error}") from None


def _is_table(file: Path) -> bool:
    """Tell a report of GA4 from events: these are JSON, one a line."""
    with members_of(file) as members:
        for _, stream in members:
            return not stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return False


def _convert(export: Convert, file: Path, lines: Path, site: Site) -> Counter[str]:
    """Write another product's export as lines; what cannot be imported is counted with why.

    Raises:
        NoExportError: It is no such export.
    """
    skipped: Counter[str] = Counter()
    with lines.open("wb") as out:
        for line in export(file, skipped):
            if _can_be_imported(line, site, skipped):
                out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return skipped


def _can_be_imported(line: dict[str, Any], site: Site, skipped: Counter[str]) -> bool:
    try:
        parse_line(line, site)
    except ImportFileError as error:
        skipped[str(error)] += 1
        return False
    return True


def _import_lines(  # noqa: PLR0913 - what is imported, where, and who is told
    settings: Settings,
    paths: Paths,
    site: Site,
    file: Path,
    named: tuple[str, str],
    show: Show,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    """Import a file of lines; ``named`` are the format and the name that people gave it."""
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
            found = _as_import(store, site, digest.hexdigest(), order, named)
            note_import(store, "begun", found, digest.hexdigest())
            summary = import_events(store, found.id, events(), lambda s: show(s.events, "events"))
            note_import(store, "added", found, digest.hexdigest())
    return _answer(found.id, summary)


def _as_import(
    store: Store,
    site: Site,
    digest: str,
    order: list[tuple[int, int]],
    named: tuple[str, str],
) -> Import:
    removed = count_removed(store, site.id, digest)
    name = f"{digest}~{removed}" if removed else digest
    number = import_number(site.id, name, count_resets(store, site.id))
    now = datetime.now(UTC)
    times = (order[0][0], order[-1][0]) if order else (0, 0)
    first, last = (datetime.fromtimestamp(ms / 1000, site.zone).date() for ms in times)
    return Import(
        site.id, number, Kind.EVENTS, *named, first, last, len(order), now, complete=False
    )


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
        summary = import_events(store, number, events, lambda s: _show(s.events, "events"))
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


def _lines(opened: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    for number, line in enumerate(lines_of(opened), 1):
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


def _show(done: int, what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} {what}", end="", file=sys.stderr, flush=True)  # noqa: T201


def _answer(number: int, summary: Summary) -> dict[str, Any]:
    return {
        "import": f"{number:016x}",
        "events": summary.events,
        "chunks": summary.chunks,
        "chunks_present": summary.chunks_present,
        "dropped": {reason: n for reason, n in summary.dropped.items() if n},
    }
