"""The record of changes as it is asked for: filtered, a page at a time, or written out whole.

Pure but for the session. The one invariant: an entry is shown as it was recorded; masks are not
lifted here, because what they hide was never kept.
"""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal.models import AuditEntry
from portal.reports.files import csv_writer, harmless

PAGE_ROWS = 100
MAX_EXPORT_ROWS = 100_000
COLUMNS = ("at", "who", "via", "act", "kind", "subject", "site_id", "before", "after")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are asked for; what is empty does not narrow. Days are UTC."""

    who: str = ""
    via: str = ""
    act: str = ""
    kind: str = ""
    first: date | None = None
    last: date | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        """Write the filter as conditions."""
        found: list[ColumnElement[bool]] = [
            getattr(AuditEntry, name) == value
            for name in ("via", "act", "kind")
            if (value := getattr(self, name))
        ]
        if self.who:
            found.append(AuditEntry.who.icontains(self.who, autoescape=True))
        if self.first:
            found.append(AuditEntry.at >= _midnight(self.first))
        if self.last and self.last < date.max:
            found.append(AuditEntry.at < _midnight(self.last + timedelta(days=1)))
        return found

    def args(self) -> dict[str, Any]:
        """Write the filter as the URL has it."""
        days = {"first": self.first, "last": self.last}
        texts = {name: getattr(self, name) for name in ("who", "via", "act", "kind")}
        texts |= {name: day.isoformat() for name, day in days.items() if day}
        return {name: text for name, text in texts.items() if text}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def entries(
    session: Session, wanted: Filter, site_id: int | None, *, limit: int, offset: int = 0
) -> list[AuditEntry]:
    """List what matches, the newest first; without a site, of the whole installation."""
    query = select(AuditEntry).where(*wanted.clauses())
    if site_id is not None:
        query = query.where(AuditEntry.site_id == site_id)
    query = query.order_by(AuditEntry.id.desc()).limit(limit).offset(offset)
    return list(session.scalars(query))


def render_json(rows: Iterable[AuditEntry]) -> str:
    """Write entries as a JSON list."""
    return json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=1) + "\n"


def render_csv(rows: Iterable[AuditEntry]) -> str:
    """Write entries as CSV; a cell that a spreadsheet would run is quoted with an apostrophe."""
    text = io.StringIO()
    writer = csv_writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in _plain(row).values()])
    return text.getvalue()


def _plain(row: AuditEntry) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS} | {"at": row.at.isoformat()}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return harmless(text)
