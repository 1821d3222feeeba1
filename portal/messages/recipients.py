"""Recipients of a site: who and what gets its reports and alerts.

Each function takes a session whose transaction the caller opened. Writing to them is
``portal.messages.ways``. The one invariant: what opens a chat or signs a message is in ``secret_*``
alone, and nobody is a recipient of one site twice.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.language import N_, SOURCE, _
from portal.messages.message import TOPICS, Topic
from portal.models import Recipient, Site
from portal.sites.fields import FieldError

MOST = 50
_EMAIL = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,185}\.[^@\s<>,;\".]{2,63}")
_BOT_TOKEN = re.compile(r"[0-9]{5,20}:[A-Za-z0-9_-]{20,100}")
_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}")
SIGNING_PREFIX = "whsec_"


class Kind(StrEnum):
    """The ways in which something is told."""

    EMAIL = "email"
    SLACK = "slack"
    DISCORD = "discord"
    TELEGRAM = "telegram"
    WEBHOOK = "webhook"


KINDS = {
    Kind.EMAIL.value: N_("E-mail"),
    Kind.SLACK.value: "Slack, Mattermost, Rocket.Chat",
    Kind.DISCORD.value: "Discord",
    Kind.TELEGRAM.value: "Telegram",
    Kind.WEBHOOK.value: N_("Webhook"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A recipient as typed; ``key`` is Telegram's bot token."""

    kind: Kind
    address: str
    key: str = ""
    gets: tuple[str, ...] = ()
    language: str = SOURCE


def recipients_of(session: Session, site_id: int, topic: Topic | None = None) -> list[Recipient]:
    """List a site's recipients, of one topic or all, the oldest first."""
    query = select(Recipient).where(Recipient.site_id == site_id).order_by(Recipient.id)
    found = session.scalars(query)
    return [row for row in found if topic is None or topic.value in row.gets]


def by_language(rows: Iterable[Recipient]) -> dict[str, list[Recipient]]:
    """Sort recipients by the language in which they are written to."""
    found: dict[str, list[Recipient]] = {}
    for row in rows:
        found.setdefault(row.language, []).append(row)
    return found


def recipient_of(session: Session, site_id: int, recipient_id: int) -> Recipient | None:
    """Find one of a site's recipients."""
    found = session.get(Recipient, recipient_id)
    return found if found is not None and found.site_id == site_id else None


def add_recipient(
    session: Session, site: Site, wanted: Wanted, now: datetime, problem_of: Callable[[str], str]
) -> Recipient:
    """Add a recipient; ``problem_of`` says why a URL may not be posted to.

    Raises:
        FieldError: It cannot be as wanted, is there already, or there are too many.
    """
    have = recipients_of(session, site.id)
    if len(have) >= MOST:
        raise FieldError("address", _("A site has at most %(most)s recipients.", most=MOST))
    row = Recipient(site_id=site.id, created_at=now, secret_url="", secret_key="")
    row.kind = wanted.kind.value
    _read_target(row, wanted, problem_of)
    if row.target_hash in {known.target_hash for known in have}:
        raise FieldError("address", _("It is among the recipients already."))
    row.gets = read_gets(wanted.gets)
    row.language = wanted.language
    session.add(row)
    session.flush()
    return row


def read_gets(gets: tuple[str, ...]) -> list[str]:
    """Bring the topics into order."""
    return [topic for topic in TOPICS if topic in gets]


def _read_target(row: Recipient, wanted: Wanted, problem_of: Callable[[str], str]) -> None:
    typed = wanted.address.strip()
    if wanted.kind is Kind.EMAIL:
        row.address = target = _read_email(typed)
    elif wanted.kind is Kind.TELEGRAM:
        row.address, row.secret_key = _read_telegram(typed, wanted.key.strip())
        target = f"{row.address} {row.secret_key}"
    else:
        row.address, row.secret_url = _read_url(typed, problem_of), typed
        target = typed
    if wanted.kind is Kind.WEBHOOK:
        row.secret_key = SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    row.target_hash = hashlib.sha256(f"{wanted.kind} {target}".encode()).hexdigest()


def _read_email(typed: str) -> str:
    address = typed.lower()
    if not _EMAIL.fullmatch(address) or not address.isprintable():
        raise FieldError(
            "address", _("%(typed)r is not an address such as ann@example.com.", typed=typed)
        )
    return address


def _read_telegram(chat: str, token: str) -> tuple[str, str]:
    if not _CHAT.fullmatch(chat):
        raise FieldError(
            "address", _("Type the chat's number, such as -1001234567890, or @channel.")
        )
    if not _BOT_TOKEN.fullmatch(token):
        raise FieldError("key", _("Type the token that @BotFather gave your bot."))
    return chat, token


def _read_url(typed: str, problem_of: Callable[[str], str]) -> str:
    if len(typed) > 2000:  # noqa: PLR2004 - the column's length
        raise FieldError("address", _("It is longer than 2,000 characters."))
    if problem := problem_of(typed):
        raise FieldError("address", problem)
    return urlsplit(typed).netloc[:254]
