"""Write a site's raw events as files of a month each, or as a stream: NDJSON or Parquet.

NDJSON, as ``import`` reads it (CONTRACT 5), leaves out bots, which its lines cannot tell from
people, and what only the store needs; importing it gives the same numbers. Parquet is every column
of every row. Files grow beside their place and move there when they are whole, so a file that is
there is complete. The one invariant: memory does not grow with the site.
"""

import json
import sys
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from portal.data.requests import Chosen
from rules.tables import read_table
from statflow.erasing import as_erasure
from statflow.importing import find_site
from statflow.paths import Paths
from statflow.services import open_store
from statflow.settings import Settings
from store.client import Store

_OF_SITE = "site_id = {site_id:UInt32}"
_IN_MONTH = "toYYYYMM(ts) = {month:UInt32}"
_LINE = """
select
    formatDateTime(ts, '%Y-%m-%dT%H:%i:%S.', 'UTC')
        || leftPad(toString(toUnixTimestamp64Milli(ts) % 1000), 3, '0') || 'Z' as ts,
    toString(visitor) as visitor, name, 'https://' || hostname || path as url, referrer, props,
    interactive, engaged_ms, scroll, revenue_minor, currency, source, utm_source, utm_medium,
    utm_campaign, utm_content, utm_term, country, region, city, browser, browser_version, os,
    os_version, device, language
"""
_ROWS = f"select * from events where {_OF_SITE} and {_IN_MONTH} order by ts"  # noqa: S608
_COUNT = f"select count() from events where {_OF_SITE} and {_IN_MONTH}"  # noqa: S608
_ALWAYS = ("ts", "visitor", "name", "url")
_NO_SCROLL = 255
_DIGITS: dict[str, int] = read_table("currencies")["digits"]
_USUAL_DIGITS = 2
_LINES_AT_ONCE = 500


def export_site(
    settings: Settings, paths: Paths, host: str, folder: Path, form: str
) -> dict[str, Any]:
    """Export every month of a site; returns the files and how many events are in them.

    Raises:
        ImportFileError: There is no such site.
    """
    site = find_site(settings, paths, host)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[dict[str, Any]] = []
    with open_store(settings, paths) as store:
        for month in _months(store, _OF_SITE, {"site_id": site.id}):
            name = f"events-{month // 100}-{month % 100:02}.{form}"
            write = _write_lines if form == "ndjson" else _write_parquet
            events = write(store, {"site_id": site.id, "month": month}, folder / name)
            files.append({"file": name, "events": events})
            if sys.stderr.isatty():
                print(f"{name}: {events:,} events", file=sys.stderr, flush=True)  # noqa: T201
    return {"host": host, "format": form, "files": files}


def stream_events(
    store: Store, site_id: int, zone: str, chosen: Chosen, form: str
) -> Generator[bytes, None, None]:
    """Give a site's events that meet the conditions, as ``ndjson`` or ``parquet``, piece by piece.

    Lines come in order of time; the rows of a Parquet file as the table has them.

    Raises:
        StoreUnavailable, StoreError: As the store says, at the first piece or within.
    """
    where, params = as_erasure(site_id, chosen, zone, datetime.now(UTC)).conditions()
    if form == "parquet":
        yield from store.stream(f"select * from events where {where}", params, "Parquet")  # noqa: S608
        return
    for month in _months(store, where, params):
        lines: list[bytes] = []
        for line in _lines(store, where, params | {"month": month}):
            lines.append(line)
            if len(lines) == _LINES_AT_ONCE:
                yield b"".join(lines)
                lines.clear()
        yield b"".join(lines)


def _months(store: Store, where: str, params: dict[str, Any]) -> list[int]:
    sql = f"select distinct toYYYYMM(ts) as month from events where {where} order by month"  # noqa: S608
    return [int(month) for (month,) in store.query(sql, params)]


def _lines(store: Store, where: str, params: dict[str, Any]) -> Iterator[bytes]:
    rows = f"select * from events where {where} and {_IN_MONTH} and bot = ''"  # noqa: S608
    sql = (
        f"{_LINE} from ({rows}) as events"
        " order by events.ts, shard, generation, stream_ms, stream_seq"
    )
    for row in _rows(store.stream(sql, params, "JSONEachRow")):
        yield orjson.dumps(as_line(row), option=orjson.OPT_APPEND_NEWLINE)


def _write_lines(store: Store, params: dict[str, Any], place: Path) -> int:
    growing = place.with_suffix(place.suffix + ".part")
    events = 0
    with growing.open("wb") as file:
        for line in _lines(store, _OF_SITE, params):
            file.write(line)
            events += 1
    growing.replace(place)
    return events


def _write_parquet(store: Store, params: dict[str, Any], place: Path) -> int:
    growing = place.with_suffix(place.suffix + ".part")
    with growing.open("wb") as file:
        for piece in store.stream(_ROWS, params, "Parquet"):
            file.write(piece)
    growing.replace(place)
    return int(store.query(_COUNT, params)[0][0])


def _rows(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (json.loads(line) for line in lines if line)
    if rest:
        yield json.loads(rest)


def as_line(row: dict[str, Any]) -> dict[str, Any]:
    """Make a line of CONTRACT 5 of a row: what is empty is left out, money is an amount."""
    line = {key: value for key, value in row.items() if key in _ALWAYS or value}
    line["interactive"] = bool(row["interactive"])
    minor, currency = int(row["revenue_minor"]), row["currency"]
    line.pop("revenue_minor", None)
    line.pop("currency", None)
    line.pop("scroll", None)
    if row["scroll"] != _NO_SCROLL:
        line["scroll"] = row["scroll"]
    if currency:
        digits = _DIGITS.get(currency, _USUAL_DIGITS)
        sign, amount = "-" if minor < 0 else "", f"{abs(minor):0{digits + 1}}"
        whole, part = amount[: len(amount) - digits], amount[len(amount) - digits :]
        text = f"{sign}{whole}.{part}" if digits else f"{sign}{whole}"
        line["revenue"] = {"amount": text, "currency": currency}
    return line
