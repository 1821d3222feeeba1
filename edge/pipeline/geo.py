"""Where an address is, by any database in MaxMind's format.

Two layouts of records are read: that of GeoIP2 (``country.iso_code``) and the flat one of free
databases (``country_code``). The file is looked at again now and then and a new one taken without a
restart. The one invariant: a broken database never raises and never replaces one that works.

The file is copied into anonymous memory before it is opened: cutting a file short that is mapped
would kill the process.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import maxminddb
from maxminddb.const import MODE_AUTO

from edge.event import Address
from edge.pipeline.draft import Place

_log = logging.getLogger(__name__)

CHECK_EVERY_MS = 10_000
NOWHERE = Place()
_COUNTRY = re.compile(r"[A-Z]{2}")
_PROBES = tuple(map(ip_address, ("8.8.8.8", "81.2.69.160", "2001:218::1", "2a02:ffff::1")))
_PROBED_RECORDS = 256
_FAULTS = (maxminddb.InvalidDatabaseError, OSError, ValueError, TypeError, KeyError, MemoryError)
"""What the reader raises on a broken file, found with MaxMind's own broken test databases."""


class Geo:
    """The database at ``path``; without one, and while there is no file, everywhere is nowhere."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._reader: maxminddb.Reader | None = None
        self._last_good: maxminddb.Reader | None = None
        self._seen: tuple[int, int, int] | None = None
        self._next_check_ms = 0
        self.problem = ""
        self.refresh(0)

    def find(self, address: Address) -> Place:
        """Look an address up; see ``Places.find``."""
        if self._reader is None:
            return NOWHERE
        try:
            return read_place(self._reader.get(address))
        except ValueError:
            return NOWHERE  # An IPv6 address in a database of IPv4 only.
        except _FAULTS as error:
            self._go_back(error)
            return NOWHERE

    def refresh(self, now_ms: int) -> None:
        """Take a changed file, at most every ``CHECK_EVERY_MS``."""
        if self._path is None or now_ms < self._next_check_ms:
            return
        self._next_check_ms = now_ms + CHECK_EVERY_MS
        try:
            stat = self._path.stat()
            seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if seen == self._seen:
                return
            self._seen = seen
            reader = _opened(self._path.read_bytes())
        except _FAULTS as error:
            self.problem = f"the geo database cannot be used: {type(error).__name__}"
            _log.warning("%s", self.problem)
            return
        self._last_good, self._reader, self.problem = self._reader, reader, ""

    def _go_back(self, error: Exception) -> None:
        """Return to the database before one that broke at a look-up."""
        self.problem = f"the geo database is broken: {type(error).__name__}"
        _log.warning("%s", self.problem)
        self._reader, self._last_good = self._last_good, None


def read_place(record: Any) -> Place:
    """Read a record of either layout; what is missing stays empty."""
    if not isinstance(record, dict):
        return NOWHERE
    if "country_code" in record:
        return _flat_place(record)
    country = _code(record, "country") or _code(record, "registered_country")
    if not country:
        return NOWHERE
    subdivisions = record.get("subdivisions") or [{}]
    region = subdivisions[0].get("iso_code", "") if isinstance(subdivisions[0], dict) else ""
    names = (record.get("city") or {}).get("names") or {}
    return Place(country, f"{country}-{region}" if region else "", str(names.get("en", "")))


def _flat_place(record: Mapping[str, Any]) -> Place:
    country = record["country_code"]
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        return NOWHERE
    region = record.get("region_code") or record.get("state1") or record.get("region") or ""
    city = record.get("city") or ""
    return Place(country, str(region), city if isinstance(city, str) else "")


def _code(record: Mapping[str, Any], key: str) -> str:
    value = (record.get(key) or {}).get("iso_code", "")
    return value if isinstance(value, str) and _COUNTRY.fullmatch(value) else ""


def _opened(raw: bytes) -> maxminddb.Reader:
    """Open a database from memory and try it, so that most broken ones are refused here.

    Raises:
        maxminddb.InvalidDatabaseError: Or another of ``_FAULTS``: it is broken.
    """
    with _anonymous_file(raw) as path:
        reader = maxminddb.open_database(path, MODE_AUTO)
    for address in _PROBES:
        if address.version <= reader.metadata().ip_version:
            read_place(reader.get(address))
    for _record, _ in zip(reader, range(_PROBED_RECORDS), strict=False):
        pass
    return reader


@contextlib.contextmanager
def _anonymous_file(raw: bytes) -> Iterator[str]:
    """Put bytes into a file that nobody else can change; a mapping of it outlives the name."""
    fd = os.memfd_create("geo", os.MFD_CLOEXEC)
    try:
        view = memoryview(raw)
        while view:
            view = view[os.write(fd, view) :]
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
