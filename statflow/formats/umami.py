"""Turn Umami's export (``website_event.csv``, alone or in its archive) into lines of CONTRACT 5.

Visits, sources and channels are derived anew from the events, as for live traffic; Umami's session
is the visitor. Pure but for reading the file. The one invariant: a row is either a line or counted
with why it is none. Source: the columns of Umami's ``website_event`` table and data export.
"""

import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from statflow.formats import words
from statflow.formats.files import NoExportError, members_of, rows_of

MEMBER = "website_event.csv"
NEEDED = ("session_id", "hostname", "url_path", "event_type", "created_at")
_PAGE_VIEW, _CUSTOM = "1", "2"
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
_BROWSERS = {
    "chrome": "Chrome",
    "crios": "Chrome",
    "chromium-webview": "Chrome",
    "edge-chromium": "Edge",
    "edge-ios": "Edge",
    "edge": "Edge",
    "firefox": "Firefox",
    "fxios": "Firefox",
    "safari": "Safari",
    "ios": "Safari",
    "ios-webview": "Safari",
    "opera": "Opera",
    "samsung": "Samsung Internet",
}
_SYSTEMS = {"Mac OS": "macOS", "Android OS": "Android", "Chrome OS": "ChromeOS"}


def lines(file: Path, skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Give the lines of an export.

    Raises:
        NoExportError: There is no such file inside, or columns are missing.
    """
    packed = zipfile.is_zipfile(file)
    with members_of(file) as members:
        for name, stream in members:
            if packed and name != MEMBER:
                continue
            for row in rows_of(stream, NEEDED)[1]:
                line = as_line(row, skipped)
                if line is not None:
                    yield line
            return
    raise NoExportError(f"there is no {MEMBER} in the archive")


def as_line(row: dict[str, str], skipped: Counter[str]) -> dict[str, Any] | None:
    """Make a line of a row, or count why it is none."""
    kind = row["event_type"] or _PAGE_VIEW
    name = {_PAGE_VIEW: "pageview", _CUSTOM: row.get("event_name", "")}.get(kind, "")
    at = _moment(row["created_at"])
    for why, wrong in (
        ("no time", at is None),
        ("no session", not row["session_id"]),
        ("no page", not row["hostname"] or not row["url_path"].startswith("/")),
        (f"event type {kind}", kind not in {_PAGE_VIEW, _CUSTOM}),
        ("no event name", not name),
    ):
        if wrong:
            skipped[why] += 1
            return None
    query = f"?{row['url_query'].lstrip('?')}" if row.get("url_query") else ""
    line = {
        "ts": at,
        "visitor": row["session_id"],
        "name": name,
        "url": f"https://{row['hostname']}{row['url_path']}{query}",
        "referrer": _referrer(row),
        "browser": _BROWSERS.get(row.get("browser", ""), row.get("browser", "").capitalize()),
        "os": _SYSTEMS.get(row.get("os", ""), row.get("os", "")),
        "device": words.device(row.get("device", "")),
        "language": row.get("language", "").partition("-")[0].lower(),
        "country": row.get("country", ""),
        "region": row.get("region", "") or row.get("subdivision1", ""),
        "city": row.get("city", ""),
        **{name: row.get(name, "") for name in _UTM},
    }
    return {key: value for key, value in line.items() if value}


def _moment(text: str) -> str | None:
    """Read a time of the export, which is UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    at = found if found.tzinfo else found.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _referrer(row: dict[str, str]) -> str:
    domain = row.get("referrer_domain", "")
    if not domain or domain == row["hostname"]:
        return ""
    return f"https://{domain}{row.get('referrer_path', '') or '/'}"
