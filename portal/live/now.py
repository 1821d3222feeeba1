"""Ask for what a site's live page shows; the lists are the API's answers of the last half hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal.dashboard.asking import told
from portal.dashboard.questions import Asker
from portal.language import N_
from portal.models import Site
from store.query.live import MINUTES, LiveEvent, Minute, latest_events, live_minutes
from store.query.run import current_visitors

ROWS = 8
LISTS = (
    ("pages", N_("Pages"), "event:page", "page"),
    ("sources", N_("Sources"), "visit:source", "source"),
    ("places", N_("Countries"), "visit:country", "country"),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """A short list of the last half hour: values with their visitors and a bar's width."""

    name: str
    title: str
    dimension: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Now:
    """A site at this moment."""

    current: int
    minutes: list[Minute]
    lists: list[Listing]
    events: list[LiveEvent]

    @property
    def top(self) -> int:
        """The most visitors of a minute, at least 1."""
        return max([minute.visitors for minute in self.minutes] + [1])


def ask_now(asker: Asker, site: Site) -> Now | str:
    """Ask for everything; what went wrong is a sentence."""

    def ask() -> Now:
        zone = ZoneInfo(site.timezone)
        now = asker.now.astimezone(zone)
        return Now(
            current=current_visitors(asker.store, site.id, now),
            minutes=live_minutes(asker.store, site.id, now),
            lists=[_listing(asker, *entry) for entry in LISTS],
            # Of single visitors a site in CNIL mode shows nothing, not even one after another.
            events=[] if site.cnil else latest_events(asker.store, site.id, now),
        )

    return told(ask)


def _listing(asker: Asker, name: str, title: str, dimension: str, short: str) -> Listing:
    since = asker.now - timedelta(minutes=MINUTES)
    answer = asker.ask(
        {
            "metrics": ["visitors"],
            "dimensions": [dimension],
            "date_range": [since.isoformat(), asker.now.isoformat()],
            "pagination": {"limit": ROWS, "offset": 0},
        }
    )
    return Listing(name, title, short, _rows(answer.results))


def _rows(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    top = max((row["metrics"][0] for row in results), default=0) or 1
    return [
        {
            "value": row["dimensions"][0],
            "visitors": row["metrics"][0],
            "width": round(100 * row["metrics"][0] / top, 1),
        }
        for row in results
    ]
