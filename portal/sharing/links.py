"""Shared links: making, changing and ending them, and finding the one that a slug opens.

Each function takes a session whose transaction the caller opened. What a reader sees is
``portal.dashboard.look``. The one invariant: an ended, expired or unknown slug is the same answer,
and a link never shows more than it was given, also when its segment is gone.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.accounts.passwords import hash_password, password_problem
from portal.audit.recording import UNAUDITED
from portal.dashboard.cards import CARDS
from portal.language import _
from portal.models import ShareLink, Site, SiteHost, SiteSegment
from portal.sites.fields import FieldError, end_of_day

MAX_LINKS = 200
_SLUG_BYTES = 16
_ORIGIN = re.compile(
    r"(https?://)((\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)"
    r"(:[0-9]{1,5})?"
)
"""What may stand in ``frame-ancestors``: nothing that could end the directive."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a link shall be; ``password`` None leaves it as it is, and an empty one takes it off."""

    name: str
    sections: tuple[str, ...] = tuple(CARDS)
    password: str | None = None
    expires_on: date | None = None
    segment_id: int | None = None
    embed_origins: tuple[str, ...] = field(default=())


def read_origins(text: str) -> tuple[str, ...]:
    """Read the origins whose pages may frame a link, separated by commas, spaces or lines.

    Raises:
        FieldError: One is none.
    """
    found = [name.lower().rstrip("/") for name in text.replace(",", " ").split()]
    for name in found:
        if len(name) > 260 or not _ORIGIN.fullmatch(name):  # noqa: PLR2004 - a host name's length
            raise FieldError(
                "embed_origins",
                _("%(name)r is not like https://example.com or https://*.example.com.", name=name),
            )
    return tuple(dict.fromkeys(found))


def links_of(session: Session, site_id: int) -> list[ShareLink]:
    """List a site's links, the oldest first."""
    query = select(ShareLink).where(ShareLink.site_id == site_id)
    return list(session.scalars(query.order_by(ShareLink.id)))


def lockable(session: Session, site_id: int) -> list[SiteSegment]:
    """List the segments that a link may be locked to: those of the whole site."""
    query = select(SiteSegment).where(SiteSegment.site_id == site_id, SiteSegment.user_id.is_(None))
    return list(session.scalars(query.order_by(SiteSegment.name)))


def link_of(session: Session, site_id: int, link_id: int) -> ShareLink | None:
    """Find one of a site's links."""
    found = session.get(ShareLink, link_id)
    return found if found is not None and found.site_id == site_id else None


def make_link(session: Session, site: Site, wanted: Wanted, now: datetime) -> ShareLink:
    """Make a link with a slug that cannot be guessed.

    Raises:
        FieldError: It cannot be as wanted, or there are too many.
    """
    if len(links_of(session, site.id)) >= MAX_LINKS:
        raise FieldError("name", _("A site has at most %(max_links)s links.", max_links=MAX_LINKS))
    link = ShareLink(
        site_id=site.id,
        slug=secrets.token_urlsafe(_SLUG_BYTES),
        created_at=now,
        password_hash="",
        views=0,
    )
    change_link(session, site, link, wanted)
    session.add(link)
    session.flush()
    return link


def change_link(session: Session, site: Site, link: ShareLink, wanted: Wanted) -> None:
    """Bring a link to what is wanted of it; its slug and its count stay.

    Raises:
        FieldError: It cannot be as wanted.
    """
    name = wanted.name.strip()
    if not name or len(name) > 80:  # noqa: PLR2004 - the column's length
        raise FieldError("name", _("Type a name of at most 80 characters."))
    if unknown := [section for section in wanted.sections if section not in CARDS]:
        raise FieldError(
            "sections",
            _("There is no card %(unknown)r; %(join)s.", unknown=unknown[0], join=", ".join(CARDS)),
        )
    if wanted.segment_id is not None:
        _check_segment(session, site, wanted.segment_id)
    password_hash = _password_hash(link, wanted)
    if password_hash and wanted.embed_origins:
        message = _(
            "A link with a password cannot be framed: browsers keep its cookie out of frames."
        )
        raise FieldError("embed_origins", message)
    link.name = name
    link.sections = [section for section in CARDS if section in wanted.sections]
    link.segment_id = wanted.segment_id
    link.expires_at = _end_of(wanted.expires_on, site)
    link.embed_origins = list(wanted.embed_origins)
    link.password_hash = password_hash


def _check_segment(session: Session, site: Site, segment_id: int) -> None:
    if segment_id not in {segment.id for segment in lockable(session, site.id)}:
        raise FieldError("segment_id", _("There is no such segment of the whole site."))


def _password_hash(link: ShareLink, wanted: Wanted) -> str:
    if wanted.password is None:
        return link.password_hash
    if not wanted.password:
        return ""
    if problem := password_problem(wanted.password):
        raise FieldError("password", problem)
    return hash_password(wanted.password)


def _end_of(day: date | None, site: Site) -> datetime | None:
    """Give the moment at which a day of the site's ends."""
    return None if day is None else end_of_day(day, site.timezone, "expires_on")


def last_day(link: ShareLink, zone: ZoneInfo) -> date | None:
    """Give the last day on which a link opens, by a site's clock."""
    if link.expires_at is None:
        return None
    return (link.expires_at.astimezone(zone) - timedelta(seconds=1)).date()


def open_link(session: Session, slug: str, now: datetime) -> ShareLink | None:
    """Find the link that a slug opens at this moment."""
    link = session.scalar(select(ShareLink).where(ShareLink.slug == slug))
    if link is None or (link.expires_at is not None and link.expires_at <= now):
        return None
    return link


def public_site(session: Session, host: str) -> Site | None:
    """Find the site of that name whose dashboard is public."""
    row = session.get(SiteHost, host.lower())
    return row.site if row is not None and row.site.public else None


def count_view(session: Session, link_id: int, now: datetime) -> None:
    """Count one opening."""
    session.execute(
        update(ShareLink)
        .where(ShareLink.id == link_id)
        .values(views=ShareLink.views + 1, last_viewed_at=now),
        execution_options=UNAUDITED,
    )
