"""A site's custom properties: those its events had lately, as the team wants to see them.

What is not said of a property holds: it is listed, under its own name. The one invariant: hiding a
property changes lists only; members' filters and the API still know it, readers' do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import SiteProperty
from store.query.properties import property_keys
from store.query.run import QueryStore

RECENT = timedelta(days=91)
MAX_KEY = 300
MAX_LABEL = 120


@dataclass(frozen=True, slots=True)
class Property:
    """One property: ``events`` of the last 91 days had it."""

    key: str
    label: str
    events: int
    is_listed: bool

    @property
    def shown(self) -> str:
        """Its name for people."""
        return self.label or self.key


@dataclass(frozen=True, slots=True)
class Wish:
    """What the team said of a property."""

    label: str
    is_listed: bool


def wishes_of(session: Session, site_id: int) -> dict[str, Wish]:
    """Give what the team said of its properties, by key."""
    rows = session.scalars(select(SiteProperty).where(SiteProperty.site_id == site_id))
    return {row.key: Wish(row.label, row.is_listed) for row in rows}


def unlisted_of(session: Session, site_id: int) -> frozenset[str]:
    """Give the properties that the team took off the lists."""
    off = (SiteProperty.site_id == site_id, SiteProperty.is_listed.is_(False))
    return frozenset(session.scalars(select(SiteProperty.key).where(*off)))


def say(session: Session, site_id: int, key: str, wish: Wish) -> None:
    """Keep what is said of a property; what holds anyway needs no row."""
    query = select(SiteProperty).where(SiteProperty.site_id == site_id, SiteProperty.key == key)
    row = session.scalars(query).first()
    if row is not None:
        row.label, row.is_listed = wish.label, wish.is_listed
    elif wish.label or not wish.is_listed:
        session.add(
            SiteProperty(site_id=site_id, key=key, label=wish.label, is_listed=wish.is_listed)
        )


def properties_of(
    store: QueryStore, site_id: int, wishes: Mapping[str, Wish], now: datetime
) -> list[Property]:
    """List the properties of the last 91 days, the commonest first.

    Raises:
        StoreUnavailable: The store is away.
        StoreError: It refuses.
    """
    found = property_keys(store, site_id, now - RECENT)
    plain = Wish("", is_listed=True)
    return [
        Property(key, wishes.get(key, plain).label, events, wishes.get(key, plain).is_listed)
        for key, events in found
    ]
