"""One site with a fortnight of made-up traffic, its visits stored with all they went through."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from store.client import Store
from store.query.model import QuerySite, Result
from store.query.parse import parse_query
from store.query.run import run_query
from tests.store.query.dataset import Event, VisitMaker, random_events, store_traffic

NOW = datetime(2026, 11, 10, 15, 20, tzinfo=UTC)
ZONE = "America/New_York"
_sites = count(910_000)


class FinalStore:
    """The same store, every table read with FINAL: what the numbers must equal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        return self._store.query(sql, params, settings={**settings, "final": 1})


@dataclass(frozen=True)
class Traffic:
    """A stored site and what was stored."""

    store: Store
    site: QuerySite
    events: list[Event]

    def ask(self, body: Mapping[str, Any], *, now: datetime = NOW, final: bool = False) -> Result:
        store = FinalStore(self.store) if final else self.store
        return run_query(store, parse_query(dict(body), self.site), self.site, now)


@pytest.fixture(scope="session")
def uncollapsed(store: Store) -> Iterator[Store]:
    """A store that leaves -1/+1 pairs alone."""
    store.command("system stop merges sessions")
    yield store
    store.command("system start merges sessions")


@pytest.fixture(scope="session")
def traffic(uncollapsed: Store) -> Traffic:
    """Traffic around the end of summer time in New York (1 November 2026), and another site's."""
    site = QuerySite(next(_sites), "shop.example", ZONE)
    events = random_events(31, ZONE, date(2026, 10, 28), 10, 220)
    store_traffic(uncollapsed, site.id, events, "query-random")
    other = random_events(8, ZONE, date(2026, 10, 28), 10, 40)
    store_traffic(uncollapsed, next(_sites), other, "query-other")
    return Traffic(uncollapsed, site, events)


@pytest.fixture
def stored(uncollapsed: Store) -> Callable[..., Traffic]:
    """Store hand-made visits at a site of their own."""

    def make(*visits: VisitMaker, zone: str = "UTC") -> Traffic:
        site = QuerySite(next(_sites), "shop.example", zone)
        events = [event for visit in visits for event in visit.events]
        if events:
            store_traffic(uncollapsed, site.id, events, f"query-{site.id}")
        return Traffic(uncollapsed, site, events)

    return make
