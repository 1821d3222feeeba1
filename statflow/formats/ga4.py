"""Turn GA4's BigQuery export (``events_YYYYMMDD`` as NDJSON) into lines of CONTRACT 5.

An event of GA4 is an event here, the browser's ``user_pseudo_id`` the visitor; visits, channels and
first visits are derived anew. What Google calls a source in ``traffic_source`` is that of the
person's very first visit, so it is left alone: the page's address and referrer, and the campaign
that came with this event, say more. Pure but for reading. The one invariant: a row is either a line
or counted with why it is none. Source: "BigQuery Export schema" of Google Analytics.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from statflow.formats import words
from statflow.formats.files import NoExportError, lines_of, members_of

_DERIVED = frozenset({"session_start", "first_visit", "first_open", "app_remove", "os_update"})
_ENGAGED = frozenset({"user_engagement", "scroll"})
_OF_THE_PAGE = frozenset(
    {
        "page_location", "page_referrer", "page_title", "page_path", "engagement_time_msec",
        "engaged_session_event", "session_engaged", "ga_session_id", "ga_session_number",
        "entrances", "ignore_referrer", "batch_ordering_id", "batch_page_id", "percent_scrolled",
        "campaign", "source", "medium", "term", "content", "gclid", "gclsrc", "srsltid",
        "campaign_id", "synthetic_bundle", "debug_mode", "firebase_conversion",
    }
)  # fmt: skip
"""Parameters that Google adds itself; the others are properties of the event."""
_CAMPAIGN = {
    "utm_source": "manual_source",
    "utm_medium": "manual_medium",
    "utm_campaign": "manual_campaign_name",
    "utm_content": "manual_content",
    "utm_term": "manual_term",
}
_NO_WORD = frozenset({"(direct)", "(organic)", "(referral)", "(none)", "(not set)"})
_MOST_PROPS = 30
_LONGEST_PROP = 2_000


def lines(file: Path, skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Give the lines of an export: one file, plain or gzip, or an archive of several.

    Raises:
        NoExportError: No line of it is such an event.
    """
    seen = 0
    with members_of(file) as members:
        for _, stream in members:
            for raw in lines_of(stream):
                if not raw.strip():
                    continue
                row = _parsed(raw)
                seen += isinstance(row, dict) and "event_name" in row
                if not seen:
                    raise NoExportError("its first line is no event with an event_name")
                line = as_line(row, skipped)
                if line is not None:
                    yield line


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def as_line(row: Any, skipped: Counter[str]) -> dict[str, Any] | None:
    """Make a line of a row, or count why it is none."""
    if not isinstance(row, dict):
        skipped["not a JSON object"] += 1
        return None
    params = _params(row)
    name, url = str(row.get("event_name") or ""), str(params.get("page_location") or "")
    at, visitor = _moment(row.get("event_timestamp")), str(row.get("user_pseudo_id") or "")
    for why, wrong in (
        (f"{name}: derived anew", name in _DERIVED),
        ("no event name", not name),
        ("no time", at is None),
        ("no user_pseudo_id", not visitor),
        ("no page: an app's event", not url.startswith(("http://", "https://"))),
    ):
        if wrong:
            skipped[why] += 1
            return None
    line = {
        "ts": at,
        "visitor": visitor,
        "url": words.with_campaign(url, _campaign(row)),
        "referrer": _referrer(params, url),
        **_what(name, params, row),
        **_who(row),
    }
    return {key: value for key, value in line.items() if value not in ("", None, {})}


def _params(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in _list(row.get("event_params")):
        value = entry.get("value") if isinstance(entry, dict) else None
        if isinstance(value, dict) and isinstance(entry.get("key"), str):
            kinds = ("string_value", "int_value", "double_value", "float_value")
            given = (value.get(kind) for kind in kinds)
            found[entry["key"]] = next((one for one in given if one is not None), "")
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> str | None:
    """Read microseconds since 1970, a number or a text."""
    try:
        at = datetime.fromtimestamp(int(value) / 1e6, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _referrer(params: dict[str, Any], url: str) -> str:
    found = str(params.get("page_referrer") or "")
    try:
        own = urlsplit(found).hostname == urlsplit(url).hostname
    except ValueError:
        return ""
    return "" if own else found[:2_000]


def _what(name: str, params: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Tell what happened: a page view, engagement, or an event with its properties and revenue."""
    if name == "page_view":
        return {"name": "pageview"}
    if name in _ENGAGED:
        scroll = _whole(params.get("percent_scrolled"))
        engaged = {"name": "engagement", "engaged_ms": _whole(params.get("engagement_time_msec"))}
        return engaged | ({"scroll": min(scroll, 100)} if scroll else {})
    kept = {
        key[:300]: str(value)[:_LONGEST_PROP]
        for key, value in params.items()
        if key not in _OF_THE_PAGE and value != ""
    }
    props = dict(list(kept.items())[:_MOST_PROPS])
    return {"name": name, "props": props, "revenue": _revenue(params, row)}


def _whole(value: Any) -> int:
    try:
        return max(0, int(value or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def _revenue(params: dict[str, Any], row: dict[str, Any]) -> dict[str, str] | None:
    """Give what a purchase brought, in the currency it was made in."""
    amount = _dict(row.get("ecommerce")).get("purchase_revenue") or params.get("value")
    currency = str(params.get("currency") or "").upper()
    if not amount or len(currency) != 3:  # noqa: PLR2004 - an ISO code's length
        return None
    return {"amount": str(amount), "currency": currency}


def _campaign(row: dict[str, Any]) -> dict[str, str]:
    found = _dict(row.get("collected_traffic_source"))
    campaign = {name: str(found.get(own) or "") for name, own in _CAMPAIGN.items()}
    return {name: word for name, word in campaign.items() if word not in _NO_WORD}


def _who(row: dict[str, Any]) -> dict[str, str]:
    device, geo = _dict(row.get("device")), _dict(row.get("geo"))
    web = _dict(device.get("web_info"))

    def text(values: dict[str, Any], *names: str) -> str:
        return next((str(values[name]) for name in names if values.get(name)), "")

    return {
        "browser": words.browser(text(web, "browser") or text(device, "browser")),
        "browser_version": words.major(
            text(web, "browser_version") or text(device, "browser_version")
        ),
        "os": words.system(text(device, "operating_system")),
        "os_version": words.major(text(device, "operating_system_version")),
        "device": words.device(text(device, "category")),
        "language": text(device, "language").partition("-")[0].lower(),
        "country": words.country(text(geo, "country")),
        "city": words.known(text(geo, "city")),
    }
