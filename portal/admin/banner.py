"""A line that everybody who is signed in reads on every page: of work to come, or under way."""

from typing import Any

from sqlalchemy.orm import Session

from portal.commands import CommandError
from portal.language import N_, _
from portal.models import Setting

_BANNER = "banner"
MAX_TEXT = 300
LEVELS = {"note": N_("For information"), "warn": N_("A warning")}


def banner_of(session: Session) -> dict[str, Any] | None:
    """Give the text and its level, or None where there is none."""
    setting = session.get(Setting, _BANNER)
    return setting.value if setting is not None else None


def set_banner(session: Session, text: str, level: str) -> None:
    """Show a text to everybody; an empty one takes the banner away.

    Raises:
        CommandError: It is too long, or its level none of ``LEVELS``.
    """
    line = " ".join(text.split())
    if len(line) > MAX_TEXT or level not in LEVELS:
        raise CommandError(
            "text",
            _("Type at most %(max_text)s characters, and choose how it looks.", max_text=MAX_TEXT),
        )
    if line:
        session.merge(Setting(name=_BANNER, value={"text": line, "level": level}))
    elif (setting := session.get(Setting, _BANNER)) is not None:
        session.delete(setting)
    session.flush()
