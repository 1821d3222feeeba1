"""What is told: one value for reports, alerts and tests, whichever way it goes.

Each way writes it in its own form (``letter``, ``chats``, ``webhook``). Values only. The one
invariant: everything a way needs is in it, so that it can be kept, sent later, and says the same.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from portal.language import N_, SOURCE


class Topic(StrEnum):
    """What a recipient may ask for; a test is sent to whom it is about."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ALERTS = "alerts"
    TEST = "test"


TOPICS = {
    Topic.WEEKLY.value: N_("Weekly report"),
    Topic.MONTHLY.value: N_("Monthly report"),
    Topic.ALERTS.value: N_("Alerts"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A name with a value as text; ``change`` against the time before, ``tone`` good, bad, even."""

    name: str
    value: str
    change: str = ""
    tone: str = "even"


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of one list."""

    title: str
    rows: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One bar of the chart."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Message:
    """One message about one site; ``path`` is the portal's page on it, ``data`` is for programs."""

    topic: Topic
    site: str
    title: str
    text: str
    path: str
    figures: tuple[Line, ...] = ()
    tables: tuple[Table, ...] = ()
    chart: tuple[Point, ...] = ()
    chart_title: str = ""
    data: dict[str, Any] | None = None
    language: str = SOURCE


_ADAPTER = TypeAdapter(Message)


def as_json(message: Message) -> dict[str, Any]:
    """Write a message to be kept."""
    return dict(_ADAPTER.dump_python(message, mode="json"))


def from_json(kept: dict[str, Any]) -> Message:
    """Read a message that was kept."""
    return _ADAPTER.validate_python(kept)
