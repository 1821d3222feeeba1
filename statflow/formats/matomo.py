"""Turn Matomo's visits (``Live.getLastVisitsDetails`` as JSON) into lines of CONTRACT 5.

Each action of a visit is an event; a user's name, else Matomo's ``visitorId``, is the visitor.
Visits, sources and channels are derived anew; a campaign's words come with the visit's first event.
Goals are events of their own in Matomo's list and are left out, for ours are defined anew. Matomo's
time on a page is the distance to the next action, which is no engaged time, so it is not taken. The
one invariant: an action is either a line or counted with why it is none. Source: Matomo's Reporting
API reference, module Live.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from statflow.formats import words
from statflow.formats.files import NoExportError, members_of, objects_of

_VIEWS = frozenset({"action", "search"})
_CLICKS = {"outlink": "Outbound Link: Click", "download": "File Download"}
_ORDERS = {"ecommerceOrder": "Purchase"}
_CAMPAIGN = {
    "utm_source": ("campaignSource",),
    "utm_medium": ("campaignMedium",),
    "utm_campaign": ("campaignName", "referrerName"),
    "utm_content": ("campaignContent",),
    "utm_term": ("campaignKeyword", "referrerKeyword"),
}
_BY_CAMPAIGN = "campaign"


def lines(file: Path, skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Give the lines of an export: a list of visits, several lists, or one visit a line.

    Raises:
        NoExportError: It is something else, or Matomo's answer is an error.
    """
    seen = False
    with members_of(file) as members:
        for _, stream in members:
            for visit in objects_of(stream):
                if isinstance(visit, dict) and visit.get("result") == "error":
                    message = str(visit.get("message"))[:200]
                    raise NoExportError(f"it holds an error of Matomo's: {message}")
                if not isinstance(visit, dict) or not isinstance(visit.get("actionDetails"), list):
                    if not seen:
                        raise NoExportError("its first entry is no visit with actionDetails")
                    skipped["no visit"] += 1
                    continue
                seen = True
                yield from visit_lines(visit, skipped)


def visit_lines(visit: dict[str, Any], skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Make lines of a visit's actions, or count why they are none."""
    visitor = _text(visit, "userId") or _text(visit, "visitorId")
    campaign, referrer = _campaign(visit), _text(visit, "referrerUrl")[:2_000]
    page = ""
    for action in visit["actionDetails"]:
        if not isinstance(action, dict):
            skipped["no action"] += 1
            continue
        what, at = _what(action), _moment(action.get("timestamp"))
        page = _page(action, page)
        why = _why_not(action, what, at, page, visitor)
        if why:
            skipped[why] += 1
            continue
        url = words.with_campaign(page, campaign)
        line = {"ts": at, "visitor": visitor, "url": url, "referrer": referrer, **(what or {})}
        yield {k: v for k, v in (line | _who(visit)).items() if v not in ("", None, {})}
        campaign, referrer = {}, ""


def _why_not(
    action: dict[str, Any], what: dict[str, Any] | None, at: str | None, url: str, visitor: str
) -> str:
    if what is None:
        kind = _text(action, "type")
        return "goal: ours are defined anew" if kind == "goal" else f"action of type {kind[:40]!r}"
    if at is None:
        return "no time"
    if not visitor:
        return "no visitor"
    return "" if url.startswith(("http://", "https://")) else "no page"


def _what(action: dict[str, Any]) -> dict[str, Any] | None:
    kind = _text(action, "type")
    if kind in _VIEWS:
        return {"name": "pageview"}
    if kind in _CLICKS:
        return {"name": _CLICKS[kind], "props": {"url": _text(action, "url")[:2_000]}}
    if kind in _ORDERS:
        revenue = _text(action, "revenue")
        currency = _text(action, "currencyCode") or _text(action, "currency")
        known = revenue and len(currency) == 3  # noqa: PLR2004 - an ISO code's length
        money = {"amount": revenue, "currency": currency.upper()} if known else None
        return {"name": _ORDERS[kind], "revenue": money}
    if kind != "event":
        return None
    named = {
        "category": _text(action, "eventCategory"),
        "name": _text(action, "eventName"),
        "value": _text(action, "eventValue"),
    }
    name = _text(action, "eventAction") or named["category"] or "Event"
    return {"name": name[:120], "props": {k: v[:2_000] for k, v in named.items() if v}}


def _page(action: dict[str, Any], before: str) -> str:
    """Give the page of an action; that of a click is the page viewed before it."""
    kind = _text(action, "type")
    if kind in _VIEWS or (not before and kind not in _CLICKS):
        return _text(action, "url")
    return before


def _moment(value: Any) -> str | None:
    """Read seconds since 1970, a number or a text."""
    try:
        at = datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None or value is False or isinstance(value, dict | list):
        return ""
    return str(value).strip()


def _campaign(visit: dict[str, Any]) -> dict[str, str]:
    """Give the words of the campaign that a visit came by."""
    if _text(visit, "referrerType") != _BY_CAMPAIGN:
        return {}
    return {
        name: next((_text(visit, one) for one in own if _text(visit, one)), "")
        for name, own in _CAMPAIGN.items()
    }


def _who(visit: dict[str, Any]) -> dict[str, str]:
    country = words.country(_text(visit, "countryCode"))
    region = words.known(_text(visit, "regionCode"))
    return {
        "browser": words.browser(_text(visit, "browserName")),
        "browser_version": words.major(_text(visit, "browserVersion")),
        "os": words.system(_text(visit, "operatingSystemName")),
        "os_version": words.major(_text(visit, "operatingSystemVersion")),
        "device": words.device(_text(visit, "deviceType")),
        "language": _text(visit, "languageCode").partition("-")[0].lower(),
        "country": country,
        "region": f"{country}-{region}" if country and region and "-" not in region else region,
        "city": words.known(_text(visit, "city")),
    }
