"""Pictures that are kept, and those that somebody asked for: their rows, their time, their policy.

The one invariant: a picture is the site's only once the person who opened the page has seen it and
kept it; until then nobody else sees it, and it goes by itself.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zlib import compress, decompress

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session, defer

from portal.audit.recording import UNAUDITED
from portal.models import PagePicture, Site

KEPT = timedelta(days=90)
TICKET = timedelta(minutes=15)
MOST_OF_A_SITE = 200
_NONCE_BYTES = 9
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """A picture that somebody wants: of which page, at which address, with its words or not."""

    page: str
    address: str
    hides_words: bool


def ask_for(session: Session, site: Site, wish: Wish, who: str, now: datetime) -> PagePicture:
    """Note that somebody is going to open a page for its picture."""
    row = PagePicture(
        site_id=site.id,
        page=wish.page,
        address=wish.address,
        nonce=secrets.token_hex(_NONCE_BYTES),
        hides_words=wish.hides_words,
        asked_by=who,
        asked_at=now,
        expires_at=now + TICKET,
        hosts=[],
    )
    session.add(row)
    session.flush()
    return row


def keep(
    session: Session, row: PagePicture, html: str, path: str, hosts: Sequence[str], now: datetime
) -> None:
    """Keep a picture, in the place of the one that the page had."""
    earlier = select(PagePicture).where(
        PagePicture.site_id == row.site_id,
        PagePicture.page == row.page,
        PagePicture.taken_at.is_not(None),
    )
    for other in session.scalars(earlier):
        session.delete(other)
    row.markup = compress(html.encode(), _LEVEL)
    row.path, row.hosts = path, list(hosts)
    row.taken_at, row.expires_at = now, now + KEPT


def html_of(row: PagePicture) -> str:
    """Read a kept picture's markup."""
    return decompress(row.markup or compress(b"")).decode()


def picture_of(session: Session, site_id: int, page: str, now: datetime) -> PagePicture | None:
    """Find the picture of a page, without its markup."""
    query = _rows(site_id, now).where(PagePicture.page == page, PagePicture.taken_at.is_not(None))
    return session.scalars(query).first()


def kept_pictures(session: Session, site_id: int, now: datetime) -> list[PagePicture]:
    """List a site's pictures by page."""
    return list(session.scalars(_rows(site_id, now).where(PagePicture.taken_at.is_not(None))))


def row_of(session: Session, site_id: int, row_id: int, now: datetime) -> PagePicture | None:
    """Find a picture by its number, kept or waiting."""
    return session.scalars(_rows(site_id, now).where(PagePicture.id == row_id)).first()


def _rows(site_id: int, now: datetime) -> Select[PagePicture]:
    query = select(PagePicture).options(defer(PagePicture.markup))
    query = query.where(PagePicture.site_id == site_id, PagePicture.expires_at > now)
    return query.order_by(PagePicture.page, PagePicture.id)


def forget_outdated(session: Session, now: datetime) -> None:
    """Remove what has had its time; nobody decides that, so it is no change to record."""
    old = delete(PagePicture).where(PagePicture.expires_at <= now)
    session.execute(old, execution_options=UNAUDITED)


def policy_of(site: Site, address: str, hosts: Sequence[str]) -> str:
    """Write the policy of a picture: images and styles of the site's names, and nothing runs."""
    parts = urlsplit(address)
    names = [name for host in (site.host, *site.aliases, *hosts) for name in _both(host)]
    own = " ".join(dict.fromkeys([f"{parts.scheme}://{parts.netloc}", *names]))
    return "; ".join(
        (
            "default-src 'none'",
            f"img-src data: {own}",
            f"style-src 'unsafe-inline' {own}",
            f"font-src data: {own}",
            f"base-uri {own}",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "sandbox allow-same-origin",
        )
    )


def _both(host: str) -> tuple[str, str]:
    return f"https://{host}", f"http://{host}"
