"""What would be stored about this very request, for the visitor to see (the proof page).

It shows the outcome of the real pipeline on a page view that nobody sent; running that is
``edge.collector.collect``, the page around it ``edge.collector.opt_out``. The one invariant: every
field of an Event that has a value is shown, so nothing can be kept that is not on this page.
"""

from datetime import UTC, date, datetime
from html import escape

from edge.event import NO_SCROLL, Address, Event
from edge.outcomes import REASONS, DropReason
from edge.sites import SaltPeriod

LABELS: dict[str, str] = {
    "ts_ms": "Time",
    "local_day": "Day",
    "visitor": "Visitor number",
    "name": "What happened",
    "interactive": "Counts as activity",
    "hostname": "Website",
    "path": "Page",
    "props": "Properties",
    "revenue_minor": "Amount, in cents",
    "currency": "Currency",
    "engaged_ms": "Milliseconds of attention",
    "scroll": "Percent of the page seen",
    "load_id": "Number of this page load, kept for three days",
    "is_first": "First view of this page load",
    "referrer": "Page before",
    "source": "Came from",
    "channel": "Kind of source",
    "utm_source": "Campaign source",
    "utm_medium": "Campaign medium",
    "utm_campaign": "Campaign",
    "utm_content": "Campaign content",
    "utm_term": "Campaign term",
    "click_id": "Name of the advertiser's parameter, without its value",
    "country": "Country",
    "region": "Region",
    "city": "City",
    "browser": "Browser",
    "browser_version": "Its major version",
    "os": "System",
    "os_version": "Its major version",
    "device": "Kind of device",
    "screen": "Kind of screen",
    "language": "Language",
    "bot": "Kind of automatic visitor",
    "operator": "Who runs it",
    "evidence": "Signs of an automatic visitor",
}
"""What each field of an Event is called; the site's own number and yesterday's hash, which is in no
table, are left out."""

_ROW = '<tr><th scope="row">{label}</th><td>{value}</td></tr>'
_STORED = """<h2>What is stored about a page view</h2>
<p>If you opened a page now, exactly this would be kept:</p>
<table>
{rows}
</table>
<p>The visitor number is made of your address and your browser's description with a key that is
thrown away after this {period}: the next {period}'s number is another, and nobody can compute this
one again.</p>
"""
_DROPPED = """<h2>What is stored about a page view</h2>
<p>If you opened a page now, nothing would be kept. {why}</p>
"""
_FORGOTTEN = """<h2>What is not stored</h2>
<p>Your address, {address}, and your browser's full description were read to find the country, the
browser and the visitor number, and are not kept. Nothing is stored on your device.</p>
"""
_MEANINGS = {row.reason: row.meaning for row in REASONS}


def render_proof(
    outcome: Event | DropReason, address: Address, period: SaltPeriod = SaltPeriod.DAY
) -> str:
    """Write as HTML what would be kept, and what was only read."""
    kept = _dropped(outcome) if isinstance(outcome, DropReason) else _stored(outcome, period)
    return kept + _FORGOTTEN.format(address=escape(str(address)))


def _stored(event: Event, period: SaltPeriod) -> str:
    rows = [
        _ROW.format(label=escape(LABELS[name]), value=escape(_text(name, value)))
        for name, value in event._asdict().items()
        if name in LABELS and value not in ("", 0, {}, False) and (name, value) != _UNKNOWN_SCROLL
    ]
    return _STORED.format(rows="\n".join(rows), period=period)


_UNKNOWN_SCROLL = ("scroll", NO_SCROLL)


def _dropped(reason: DropReason) -> str:
    return _DROPPED.format(why=escape(_MEANINGS[reason]))


def _text(name: str, value: object) -> str:
    if name == "ts_ms" and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if name == "local_day" and isinstance(value, int):
        return date.fromordinal(date(1970, 1, 1).toordinal() + value).isoformat()
    if isinstance(value, dict):
        return ", ".join(f"{key}: {text}" for key, text in value.items())
    return "yes" if value is True else str(value)
