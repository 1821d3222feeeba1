"""Sort a visit into one of the default channels, in GA4's order with AI Assistants added.

The rows are the pack ``channels``; applying them is a pure function over what the visit's first
event said. The one invariant: every visit has exactly one channel, by the first row that holds.

Source: Google Analytics 4, "Default channel group"; NUMBERS 15 (AI Assistants stand after Organic
Video and before Organic Search).
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from rules.loader import Document, Place, read_document
from rules.patterns import Pattern, PatternError
from rules.tables import PACKS


class Channel(StrEnum):
    """The channels, in the order in which they are tried."""

    CROSS_NETWORK = "Cross-network"
    PAID_SHOPPING = "Paid Shopping"
    PAID_SEARCH = "Paid Search"
    PAID_SOCIAL = "Paid Social"
    PAID_VIDEO = "Paid Video"
    DISPLAY = "Display"
    PAID_OTHER = "Paid Other"
    ORGANIC_SHOPPING = "Organic Shopping"
    ORGANIC_SOCIAL = "Organic Social"
    ORGANIC_VIDEO = "Organic Video"
    AI_ASSISTANTS = "AI Assistants"
    ORGANIC_SEARCH = "Organic Search"
    EMAIL = "Email"
    AFFILIATES = "Affiliates"
    AUDIO = "Audio"
    SMS = "SMS"
    MOBILE_PUSH = "Mobile Push Notifications"
    REFERRAL = "Referral"
    DIRECT = "Direct"


class Attribution(NamedTuple):
    """What is known of where a visit came from; ``category`` is that of ``rules.sources``."""

    source: str = ""
    category: str = ""
    medium: str = ""
    campaign: str = ""
    is_paid_click: bool = False


WORDS = ("source", "category", "medium", "campaign")
_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the pack: its channel, and the conditions that must all hold."""

    id: str
    channel: Channel
    words: tuple[tuple[str, Pattern], ...] = ()
    paid_click: bool | None = None

    def holds(self, visit: Attribution) -> bool:
        """Tell whether a visit, whose words are in lower case, meets every condition."""
        if self.paid_click is not None and self.paid_click != visit.is_paid_click:
            return False
        return all(
            (word := getattr(visit, name)) and pattern.matches_whole(word)
            for name, pattern in self.words
        )


def channel_of(visit: Attribution) -> Channel:
    """Find the channel of a visit."""
    return row_of(visit).channel


@lru_cache(maxsize=_REMEMBERED)
def row_of(visit: Attribution) -> Row:
    """Find the row that decides; the same few visits come again and again."""
    lowered = Attribution(
        visit.source.lower().strip(),
        visit.category,
        visit.medium.lower().strip(),
        visit.campaign.lower().strip(),
        visit.is_paid_click,
    )
    return next(row for row in known_rows() if row.holds(lowered))


def load_channels(path: Path) -> tuple[Row, ...]:
    """Read and check a pack's ``channels``.

    Raises:
        RuleError: Something is wrong; with file and line.
    """
    document = read_document(path)
    raw = document.values.get("channels") if isinstance(document.values, dict) else None
    if not isinstance(raw, list) or not raw:
        raise document.error((), "expected channels, a list")
    rows = tuple(_read_row(document, ("channels", at), row) for at, row in enumerate(raw))
    if rows[-1].words or rows[-1].paid_click is not None:
        raise document.error(("channels", len(rows) - 1), "expected a last row without conditions")
    if len({row.id for row in rows}) != len(rows):
        raise document.error(("channels",), "expected an id of its own for each row")
    return rows


def _read_row(document: Document, place: Place, raw: Any) -> Row:
    known = {"id", "channel", "paid_click", *WORDS}
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str) or raw.keys() - known:
        raise document.error(place, f"expected an object with id and of {', '.join(sorted(known))}")
    if raw.get("channel") not in list(Channel):
        raise document.error((*place, "channel"), f"expected one of {', '.join(Channel)}")
    if not isinstance(paid_click := raw.get("paid_click"), bool | None):
        raise document.error((*place, "paid_click"), "expected true or false")
    words = [
        (name, _read_word(document, (*place, name), raw[name])) for name in WORDS if name in raw
    ]
    return Row(raw["id"], Channel(raw["channel"]), tuple(words), paid_click)


def _read_word(document: Document, place: Place, text: Any) -> Pattern:
    try:
        pattern = Pattern(text)
    except PatternError as error:
        raise document.error(place, str(error)) from None
    if pattern.matches_whole(""):
        raise document.error(place, "expected a pattern that stands for no empty word")
    return pattern


@cache
def known_rows() -> tuple[Row, ...]:
    """Load the rows that come with the product, once a process."""
    return load_channels(PACKS / "channels.yaml")
