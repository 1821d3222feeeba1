"""The wire format of a beacon (CONTRACT 3): bytes in, checked Beacons or a named error out.

Only form is checked here; what an event means is the pipeline's. Unknown keys are ignored, so that
a newer tracker can talk to an older edge. ``FIELDS`` is the one table of what an event may hold: it
is what is checked, and what the TypeScript definitions are made of (``edge.collector.typescript``).
Hand-written readers, because they run for every event. The one invariant: whatever the bytes, the
answer is a value, and no message repeats what was sent.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from edge.collector.money import parse_revenue
from edge.event import NO_SCROLL, Beacon, Revenue, Scalar
from edge.load_id import is_error
from edge.outcomes import DropReason
from edge.page_url import split_page
from edge.signals import SIGNALS, check_signal

VERSION = 1
MAX_EVENTS = 50
MAX_NAME = 120
MAX_URL = 2_000
MAX_PROPS = 30
MAX_PROP_KEY = 300
MAX_PROP_VALUE = 2_000

_MAX_AGE_MS = 2**53
_MAX_ENGAGED_MS = 86_400_000
_MAX_VIEWPORT_PX = 65_535
_MAX_SCROLL = 100
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_STATUS = re.compile(r"[1-9][0-9]{2}", re.ASCII)
_LOAD_ID = re.compile(r"[A-Za-z0-9_-]{0,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one event: a stable code, a sentence, and the wire key concerned."""

    code: str
    message: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One event of a batch that was left out."""

    index: int
    code: str
    field: str | None


class Payload(NamedTuple):
    """The good events of a beacon in their order, and the bad ones of a batch."""

    beacons: tuple[Beacon, ...]
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class PayloadError:
    """Why nothing of a beacon could be used."""

    reason: DropReason
    fault: Fault


class _FaultError(Exception):
    """Carries a Fault out of the checks of one event; never leaves this module."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(code)
        self.fault = Fault(code, message, field)


def parse_payload(body: bytes, default_currency: str = "EUR") -> Payload | PayloadError:
    """Read the body of a beacon: one event, or ``{"v": 1, "e": [event, …]}``."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _error(DropReason.INVALID_JSON, "invalid_json", "The body is not JSON.", None)
    if not isinstance(document, dict):
        return _error(DropReason.INVALID_JSON, "invalid_json", "Expected a JSON object.", None)
    events = document.get("e")
    if "e" not in document or "n" in document or "name" in document:
        event = parse_event(document, default_currency)
        if isinstance(event, Fault):
            return PayloadError(DropReason.INVALID_PAYLOAD, event)
        return Payload((event,))
    if document.get("v", VERSION) != VERSION:
        message = "This version of the format is not known."
        return _error(DropReason.INVALID_PAYLOAD, "unknown_version", message, "v")
    if not isinstance(events, list) or not events:
        message = "Expected a list of 1 to 50 events."
        return _error(DropReason.INVALID_PAYLOAD, "wrong_type", message, "e")
    if len(events) > MAX_EVENTS:
        message = "A batch may hold 50 events."
        return _error(DropReason.TOO_MANY_EVENTS, "too_many_events", message, "e")
    return _parse_batch(events, default_currency)


def _error(reason: DropReason, code: str, message: str, field: str | None) -> PayloadError:
    return PayloadError(reason, Fault(code, message, field))


def _parse_batch(events: list[Any], default_currency: str) -> Payload:
    beacons: list[Beacon] = []
    rejected: list[Rejection] = []
    for index, raw in enumerate(events):
        event = parse_event(raw, default_currency)
        if isinstance(event, Fault):
            rejected.append(Rejection(index, event.code, event.field))
        else:
            beacons.append(event)
    return Payload(tuple(beacons), tuple(rejected))


def parse_event(raw: Any, default_currency: str) -> Beacon | Fault:
    """Check one event; the long names of Plausible's format are taken too."""
    if not isinstance(raw, dict):
        return Fault("wrong_type", "An event is a JSON object.", None)
    try:
        return Beacon(
            **{
                attribute: read(raw, default_currency)
                for attribute, read, key, long_name, always in _READERS
                if always or key in raw or long_name in raw
            }
        )
    except _FaultError as error:
        return error.fault


def _name(raw: Mapping[str, Any]) -> str:
    name = raw.get("n", raw.get("name"))
    if name is None:
        raise _FaultError("missing", "n", "An event needs a name.")
    if not isinstance(name, str):
        raise _FaultError("wrong_type", "n", "The name is text.")
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise _FaultError("wrong_length", "n", "The name has 1 to 120 characters.")
    if _CONTROLS.search(name):
        raise _FaultError("bad_characters", "n", "The name holds control characters.")
    return name


def _url(raw: Mapping[str, Any]) -> str:
    url = raw.get("u", raw.get("url"))
    if url is None:
        raise _FaultError("missing", "u", "An event needs the URL of its page.")
    if not isinstance(url, str):
        raise _FaultError("wrong_type", "u", "The URL is text.")
    if len(url) > MAX_URL:
        raise _FaultError("too_long", "u", "The URL has at most 2,000 characters.")
    if _CONTROLS.search(url) or not _is_absolute(url):
        raise _FaultError("not_a_url", "u", "Expected an absolute http or https URL.")
    return url


def _is_absolute(url: str) -> bool:
    if url[:8].lower() != "https://" and url[:7].lower() != "http://":
        return False
    try:
        page = split_page(url)
    except ValueError:
        return False
    return page.host != "" and page.has_fair_port


def _referrer(raw: Mapping[str, Any]) -> str:
    """Read the referrer; one that is too long is cut, at a slash: half a name cannot be masked."""
    referrer = raw.get("r", raw.get("referrer"))
    if referrer is None:
        return ""
    if not isinstance(referrer, str):
        raise _FaultError("wrong_type", "r", "The referrer is text.")
    return referrer if len(referrer) <= MAX_URL else referrer[:MAX_URL].rpartition("/")[0]


def _props(raw: Mapping[str, Any]) -> tuple[tuple[str, Scalar], ...]:
    props = raw.get("p", raw.get("props"))
    if props is None:
        return ()
    if not isinstance(props, dict):
        raise _FaultError("wrong_type", "p", "The properties are a JSON object.")
    if len(props) > MAX_PROPS:
        raise _FaultError("too_many", "p", "An event has at most 30 properties.")
    return tuple(
        (_prop_key(key), _prop(value)) for key, value in props.items() if value is not None
    )


def _signal_props(name: str, raw: Mapping[str, Any]) -> tuple[tuple[str, Scalar], ...]:
    """Check what a module of the tracker saw by its own table."""
    try:
        return check_signal(SIGNALS[name], dict(_props(raw)))
    except ValueError as error:
        message = f"A {name} does not have this in its property {error}."
        raise _FaultError("bad_signal", "p", message) from None


def _prop_key(key: str) -> str:
    if not 0 < len(key) <= MAX_PROP_KEY:
        raise _FaultError("wrong_length", "p", "A property's name has 1 to 300 characters.")
    if _CONTROLS.search(key):
        raise _FaultError("bad_characters", "p", "A property's name holds control characters.")
    return key


def _prop(value: Any) -> Scalar:
    if isinstance(value, str):
        if len(value) > MAX_PROP_VALUE:
            raise _FaultError("too_long", "p", "A property has at most 2,000 characters.")
        return value.replace("\x00", "")
    if isinstance(value, bool | int | float):
        return value
    raise _FaultError("wrong_type", "p", "A property is text, a number, true or false.")


def _revenue(raw: Mapping[str, Any], default_currency: str) -> Revenue | None:
    value = raw.get("$", raw.get("revenue"))
    if value is None:
        return None
    revenue = parse_revenue(value, default_currency)
    if revenue is None:
        raise _FaultError("not_money", "$", 'Expected {"amount": "9.90", "currency": "EUR"}.')
    return revenue


def _flag(raw: Mapping[str, Any], key: str, long_name: str, default: bool) -> bool:
    value = raw.get(key, raw.get(long_name))
    if value is None:
        return default
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise _FaultError("wrong_type", key, "Expected true or false.")


def _whole(raw: Mapping[str, Any], key: str, default: int, largest: int) -> int:
    """Read a number as a whole one within 0 and ``largest``; orjson gives no NaN or infinity."""
    value = raw.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _FaultError("wrong_type", key, "Expected a number.")
    return int(min(max(value, 0), largest))


def _load_id(raw: Mapping[str, Any]) -> str:
    value = raw.get("l") or ""
    if not isinstance(value, str) or not _LOAD_ID.fullmatch(value):
        raise _FaultError("wrong_type", "l", "The load id is a short word.")
    return value


def _status(raw: Mapping[str, Any]) -> int:
    """Read the document's status; the tracker writes it as it found it, as text."""
    value = raw.get("s")
    if value is None:
        return 0
    if isinstance(value, str) and _STATUS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _FaultError("wrong_type", "s", "The status has three digits.")
    return value if is_error(value) else 0


def _interactive(raw: Mapping[str, Any]) -> bool:
    return _checked_name(raw) not in SIGNALS and _flag(raw, "i", "interactive", True)


def _props_of(raw: Mapping[str, Any]) -> tuple[tuple[str, Scalar], ...]:
    name = _checked_name(raw)
    return _signal_props(name, raw) if name in SIGNALS else _props(raw)


def _checked_name(raw: Mapping[str, Any]) -> str:
    """Give the name again, which was checked first."""
    name: str = raw.get("n", raw.get("name"))
    return name.strip()


def _number(key: str, default: int, largest: int) -> Callable[[Mapping[str, Any], str], int]:
    return lambda raw, _currency: _whole(raw, key, default, largest)


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an event on the wire (CONTRACT 3).

    ``long_name`` is Plausible's name for it, empty where there is none; ``typescript`` its type.
    """

    key: str
    long_name: str
    attribute: str
    read: Callable[[Mapping[str, Any], str], Any]
    typescript: str
    meaning: str
    required: bool = False


FIELDS: tuple[Field, ...] = (
    Field(
        "n", "name", "name", lambda raw, _: _name(raw), "string",
        f"Name: `pageview`, `engagement`, a signal's, or a custom event's; at most {MAX_NAME} "
        "characters.",
        required=True,
    ),
    Field(
        "u", "url", "url", lambda raw, _: _url(raw), "string",
        f"Absolute URL of the page, at most {MAX_URL} characters.", required=True,
    ),
    Field("r", "referrer", "referrer", lambda raw, _: _referrer(raw), "string | null", "Referrer."),
    Field(
        "a", "", "age_ms", _number("a", 0, _MAX_AGE_MS), "number",
        "Milliseconds since it happened, when sent.",
    ),
    Field(
        "p", "props", "props", lambda raw, _: _props_of(raw), "Props",
        f"Properties, at most {MAX_PROPS}: names of {MAX_PROP_KEY}, texts of {MAX_PROP_VALUE} "
        "characters.",
    ),
    Field("$", "revenue", "revenue", _revenue, "Revenue | null", "Money."),
    Field(
        "i", "interactive", "interactive", lambda raw, _: _interactive(raw), "boolean | 0 | 1",
        "False: it does not end a bounce.",
    ),
    Field(
        "g", "", "engaged_ms", _number("g", 0, _MAX_ENGAGED_MS), "number", "Engaged milliseconds."
    ),
    Field(
        "d", "", "scroll", _number("d", NO_SCROLL, _MAX_SCROLL), "number",
        "Deepest percent of the page that was seen.",
    ),
    Field(
        "w", "", "viewport_px", _number("w", 0, _MAX_VIEWPORT_PX), "number",
        "Width of the viewport in CSS pixels.",
    ),
    Field(
        "l", "", "load_id", lambda raw, _: _load_id(raw), "string | 0",
        "The edge's id of this load of the document, with its first page view.",
    ),
    Field(
        "s", "", "status", lambda raw, _: _status(raw), "string | number",
        "Status of the document if it is an error page (400 to 599), with its first page view.",
    ),
    Field(
        "b", "", "automation", lambda raw, _: _flag(raw, "b", "b", False), "boolean | 0 | 1",
        "A browser that is driven by a program.",
    ),
)  # fmt: skip
"""In the order in which they are checked: of several faults the first is told."""

_BY_NAME = frozenset({"props", "interactive"})
"""What a signal has another default of, so it is read where it is absent too."""
_READERS = tuple(
    (
        field.attribute,
        field.read,
        field.key,
        field.long_name or field.key,
        field.required or field.attribute in _BY_NAME,
    )
    for field in FIELDS
)
