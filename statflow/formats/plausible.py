"""Turn Plausible's CSV export (an archive of daily tables, or one of them) into totals.

The one invariant: a table is found by its name and read by its heading, so a column that an older
export lacks is a number that is not known, not a 0. Source: Plausible's documentation, "Import
stats using CSV files", and the columns of its own export.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from rules.channels import Attribution, channel_of
from rules.sources import known_sources
from statflow.formats import words
from statflow.formats.files import NoExportError, members_of, rows_of
from statflow.formats.totals import (
    ENGAGED,
    EVENTS,
    LEFT,
    VIEWED,
    VISITS,
    Row,
    Table,
    Tells,
    Total,
    WrongRowError,
    day_of,
    held,
    totals_of,
    whole,
)

_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
_MS = 1_000
_COLUMNS: dict[str, tuple[tuple[str, int], ...]] = {
    "visitors": (("visitors", 1),),
    "visits": (("visits", 1),),
    "pageviews": (("pageviews", 1),),
    "bounces": (("bounces", 1),),
    "visit_duration": (("duration_ms", _MS),),
    "events": (("events", 1),),
    "entrances": (("visits", 1), ("entrances", 1)),
    "exits": (("visits", 1), ("exits", 1)),
    "total_scroll_depth": (("scroll_sum", 1),),
    "total_scroll_depth_visits": (("scroll_visits", 1),),
    "total_time_on_page": (("engaged_ms", _MS),),
    "total_time_on_page_visits": (("engaged_visits", 1),),
}
"""Each column of numbers, and the ingredients it is, with the factor to their unit."""


def _of(column: str, read: Callable[[str], str] = words.known) -> Callable[[Row], str]:
    return lambda row: read(row.get(column, ""))


def _visits(dimension: str, column: str, read: Callable[[str], str] = words.known) -> Tells:
    return Tells(VISITS, f"visit:{dimension}", _of(column, read))


def _source(text: str) -> str:
    return "" if text.strip().strip("()") == "Direct / None" else words.known(text)


def _channel(row: Row) -> str:
    """Tell the channel by our own rules, as of live traffic."""
    source = _source(row.get("source", ""))
    medium = words.known(row.get("utm_medium", ""))
    known = known_sources().of_word(source) if source else None
    return channel_of(
        Attribution(
            source=source,
            category=known.category if known else "",
            medium=medium.strip("()"),
            campaign=words.known(row.get("utm_campaign", "")),
            is_paid_click=medium in {"(gclid)", "(msclkid)"},
        )
    ).value


def _sums(row: Row) -> dict[str, int]:
    """Read every number that a row has; views are events too, where events are not told."""
    found: dict[str, int] = {}
    for column, ingredients in _COLUMNS.items():
        if column in row:
            number = whole(row, column)
            for name, factor in ingredients:
                found.setdefault(name, number * factor)
    if "pageviews" in found:
        found.setdefault("events", found["pageviews"])
    return found


_PAGE = _of("page", str.strip)
_WHOLE_VISITS = frozenset({"visitors", "visits", "pageviews", "bounces", "duration_ms"})
_ENTRY, _EXIT = _WHOLE_VISITS | {"entrances"}, _WHOLE_VISITS | {"exits"}


def _table(*tells: Tells) -> Table:
    """Describe a table of visits, which tells of each value what whole visits are made of."""
    kept = (t if t.sums else Tells(t.reading, t.dimension, t.value, _WHOLE_VISITS) for t in tells)
    return Table(tuple(kept), _sums)


TABLES: dict[str, Table] = {
    "imported_visitors": _table(Tells(VISITS, "", sums=_WHOLE_VISITS | {"events"})),
    "imported_sources": _table(
        _visits("source", "source", _source),
        Tells(VISITS, "visit:channel", _channel),
        _visits("referrer", "referrer"),
        *(_visits(name, name) for name in _UTM),
    ),
    "imported_pages": _table(
        Tells(
            EVENTS, "event:page", _PAGE, frozenset({"visitors", "visits", "pageviews", "events"})
        ),
        Tells(VIEWED, "visit:exit_page", _PAGE, frozenset({"pageviews"})),
        Tells(
            ENGAGED,
            "event:page",
            _PAGE,
            frozenset({"scroll_sum", "scroll_visits", "engaged_ms", "engaged_visits"}),
        ),
    ),
    "imported_entry_pages": _table(
        Tells(VISITS, "visit:entry_page", _of("entry_page", str.strip), _ENTRY),
        Tells(VISITS, "event:page", _of("entry_page", str.strip), _ENTRY),
    ),
    "imported_exit_pages": _table(
        Tells(VISITS, "visit:exit_page", _of("exit_page", str.strip), _EXIT),
        Tells(LEFT, "event:page", _of("exit_page", str.strip), frozenset({"exits"})),
    ),
    "imported_locations": _table(
        _visits("country", "country", words.country), _visits("region", "region")
    ),
    "imported_devices": _table(_visits("device", "device", words.device)),
    "imported_browsers": _table(
        _visits("browser", "browser", words.browser),
        _visits("browser_version", "browser_version", words.major),
    ),
    "imported_operating_systems": _table(
        _visits("os", "operating_system", words.system),
        _visits("os_version", "operating_system_version", words.major),
    ),
    "imported_custom_events": _table(
        Tells(EVENTS, "event:name", _of("name", str.strip), frozenset({"visitors", "events"})),
        Tells(VISITS, "", sums=frozenset({"events"})),
    ),
}
_NOT_EVENTS = frozenset({"pageview", "engagement"})


class Reader:
    """Reads one export; ``holds`` is what it was found to tell, once it is read."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Table, frozenset[str]]] = {}

    @property
    def holds(self) -> frozenset[str]:
        """What the tables that were there can tell."""
        found = held(self._found.values())
        if "imported_custom_events" in self._found:
            return found
        return found - {f"{VISITS}  events"}

    def read(self, file: Path, skipped: Counter[str]) -> Iterator[Total]:
        """Give the totals of an export.

        Raises:
            NoExportError: It is none.
        """
        with members_of(file) as members:
            for name, stream in members:
                table = _table_of(name)
                if table is None:
                    skipped[f"file {name[:80]}: no table of Plausible's"] += 1
                else:
                    yield from self._rows(table, stream, skipped)
        if not self._found:
            raise NoExportError(f"it holds none of {', '.join(TABLES)}")

    def _rows(self, name: str, stream: BinaryIO, skipped: Counter[str]) -> Iterator[Total]:
        table = TABLES[name]
        heading, rows = rows_of(stream, ("date",))
        self._found[name] = (table, _ingredients(name, heading))
        for row in rows:
            if row.get("name", "") in _NOT_EVENTS and name == "imported_custom_events":
                continue
            try:
                yield from totals_of(table, row, day_of(row["date"]))
            except WrongRowError as error:
                skipped[f"{name}: {error}"] += 1
            if row.get("city", "0") not in {"", "0"}:
                skipped["city: a number of GeoNames, whose names are not here"] += 1


def _table_of(name: str) -> str | None:
    stem = name.removesuffix(".csv")
    return next((table for table in TABLES if stem == table or stem.startswith(f"{table}_")), None)


def _ingredients(name: str, heading: list[str]) -> frozenset[str]:
    """Say which numbers a table's heading has."""
    found = {
        ingredient
        for column, ingredients in _COLUMNS.items()
        if column in heading
        for ingredient, _ in ingredients
    }
    if not found:
        raise NoExportError(f"{name} has none of the columns {', '.join(_COLUMNS)}")
    return frozenset(found | ({"events"} if "pageviews" in heading else set()))
