"""The wire format of a beacon (CONTRACT 3): bytes in, checked Beacons or a named error out.

Only form is checked here; what an event means is the pipeline's. Unknown keys are ignored, so that
a newer tracker can talk to an older edge. ``FIELDS`` is the one table of what an event may hold: it
is what is checked, and what the TypeScript definitions are made of (``edge.collector.typescript``).
Hand-written readers, because they run for every event. The one invariant: whatever the bytes, the
answer is a value, and no message repeats what was sent.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from edge.collector.money import parse_revenue
from edge.event import Beacon, Revenue, Scalar
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
_NUMBERS = (int, float)
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
    """Check one event; the long names of Plausible's format are taken too. null is as good as none.

    Of several faults the first is told, in the order of ``FIELDS``.
    """
    if not isinstance(raw, dict):
        return Fault("wrong_type", "An event is a JSON object.", None)
    values: list[Any] = list(_ABSENT)
    faults: dict[int, Fault] = {}
    for key, value in raw.items():
        at = _PLACES.get(key)
        if at is None or value is None or (key in _SHORT and _SHORT[key] in raw):
            continue
        try:
            values[at] = _READERS[at](value, default_currency)
        except _FaultError as error:
            faults[at] = error.fault
    if values[_NAME] in SIGNALS:
        _check_signal(values, faults)
    for at, missing in _MISSING.items():
        if values[at] is None:
            faults.setdefault(at, missing)
    return faults[min(faults)] if faults else Beacon._make(values)


def _check_signal(values: list[Any], faults: dict[int, Fault]) -> None:
    """Check what a module of the tracker saw by its own table; it never ends a bounce."""
    faults.pop(_INTERACTIVE, None)
    values[_INTERACTIVE] = False
    if _PROPS in faults:
        return
    name = values[_NAME]
    try:
        values[_PROPS] = check_signal(SIGNALS[name], dict(values[_PROPS]))
    except ValueError as error:
        message = f"A {name} does not have this in its property {error}."
        faults[_PROPS] = Fault("bad_signal", message, "p")


def _name(value: Any, _currency: str) -> str:
    if not isinstance(value, str):
        raise _FaultError("wrong_type", "n", "The name is text.")
    name = value.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise _FaultError("wrong_length", "n", "The name has 1 to 120 characters.")
    if _has_controls(name):
        raise _FaultError("bad_characters", "n", "The name holds control characters.")
    return name


def _url(url: Any, _currency: str) -> str:
    if not isinstance(url, str):
        raise _FaultError("wrong_type", "u", "The URL is text.")
    if len(url) > MAX_URL:
        raise _FaultError("too_long", "u", "The URL has at most 2,000 characters.")
    if _has_controls(url) or not _is_absolute(url):
        raise _FaultError("not_a_url", "u", "Expected an absolute http or https URL.")
    return url


def _has_controls(text: str) -> bool:
    return not text.isprintable() and _CONTROLS.search(text) is not None


def _is_absolute(url: str) -> bool:
    if not url[:8].lower().startswith(("https://", "http://")):
        return False
    try:
        page = split_page(url)
    except ValueError:
        return False
    return page.host != "" and page.has_fair_port


def _referrer(referrer: Any, _currency: str) -> str:
    """Read the referrer; one that is too long is cut, at a slash: half a name cannot be masked."""
    if not isinstance(referrer, str):
        raise _FaultError("wrong_type", "r", "The referrer is text.")
    return referrer if len(referrer) <= MAX_URL else referrer[:MAX_URL].rpartition("/")[0]


def _props(props: Any, _currency: str) -> tuple[tuple[str, Scalar], ...]:
    if not isinstance(props, dict):
        raise _FaultError("wrong_type", "p", "The properties are a JSON object.")
    if len(props) > MAX_PROPS:
        raise _FaultError("too_many", "p", "An event has at most 30 properties.")
    return tuple(
        (_prop_key(key), _prop(value)) for key, value in props.items() if value is not None
    )


def _prop_key(key: str) -> str:
    if not 0 < len(key) <= MAX_PROP_KEY:
        raise _FaultError("wrong_length", "p", "A property's name has 1 to 300 characters.")
    if _has_controls(key):
        raise _FaultError("bad_characters", "p", "A property's name holds control characters.")
    return key


def _prop(value: Any) -> Scalar:
    if isinstance(value, str):
        if len(value) > MAX_PROP_VALUE:
            raise _FaultError("too_long", "p", "A property has at most 2,000 characters.")
        return value.replace("\x00", "")
    if isinstance(value, _NUMBERS):
        return value
    raise _FaultError("wrong_type", "p", "A property is text, a number, true or false.")


def _revenue(value: Any, default_currency: str) -> Revenue:
    revenue = parse_revenue(value, default_currency)
    if revenue is None:
        raise _FaultError("not_money", "$", 'Expected {"amount": "9.90", "currency": "EUR"}.')
    return revenue


def _flag(key: str) -> Callable[[Any, str], bool]:
    def read(value: Any, _currency: str) -> bool:
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise _FaultError("wrong_type", key, "Expected true or false.")

    return read


def _whole(key: str, largest: int) -> Callable[[Any, str], int]:
    def read(value: Any, _currency: str) -> int:
        """Read a number as a whole one from 0 to ``largest``; orjson gives no NaN or infinity."""
        if isinstance(value, bool) or not isinstance(value, _NUMBERS):
            raise _FaultError("wrong_type", key, "Expected a number.")
        if value <= 0:
            return 0
        return int(value) if value < largest else largest

    return read


def _load_id(value: Any, _currency: str) -> str:
    load_id = value or ""
    if not isinstance(load_id, str) or not _LOAD_ID.fullmatch(load_id):
        raise _FaultError("wrong_type", "l", "The load id is a short word.")
    return load_id


def _status(value: Any, _currency: str) -> int:
    """Read the document's status; the tracker writes it as it found it, as text."""
    if isinstance(value, str) and _STATUS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _FaultError("wrong_type", "s", "The status has three digits.")
    return value if is_error(value) else 0


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an event on the wire (CONTRACT 3).

    ``long_name`` is Plausible's name for it, empty where there is none; ``read`` takes its value,
    which is not null, and the site's currency; ``typescript`` is its type.
    """

    key: str
    long_name: str
    attribute: str
    read: Callable[[Any, str], Any]
    typescript: str
    meaning: str
    required: bool = False


FIELDS: tuple[Field, ...] = (
    Field(
        "n", "name", "name", _name, "string",
        f"Name: `pageview`, `engagement`, a signal's, or a custom event's; at most {MAX_NAME} "
        "characters.",
        required=True,
    ),
    Field(
        "u", "url", "url", _url, "string",
        f"Absolute URL of the page, at most {MAX_URL} characters.", required=True,
    ),
    Field("r", "referrer", "referrer", _referrer, "string | null", "Referrer."),
    Field(
        "a", "", "age_ms", _whole("a", _MAX_AGE_MS), "number",
        "Milliseconds since it happened, when sent.",
    ),
    Field(
        "p", "props", "props", _props, "Props",
        f"Properties, at most {MAX_PROPS}: names of {MAX_PROP_KEY}, texts of {MAX_PROP_VALUE} "
        "characters.",
    ),
    Field("$", "revenue", "revenue", _revenue, "Revenue | null", "Money."),
    Field(
        "i", "interactive", "interactive", _flag("i"), "boolean | 0 | 1",
        "False: it does not end a bounce.",
    ),
    Field(
        "g", "", "engaged_ms", _whole("g", _MAX_ENGAGED_MS), "number", "Engaged milliseconds."
    ),
    Field(
        "d", "", "scroll", _whole("d", _MAX_SCROLL), "number",
        "Deepest percent of the page that was seen.",
    ),
    Field(
        "w", "", "viewport_px", _whole("w", _MAX_VIEWPORT_PX), "number",
        "Width of the viewport in CSS pixels.",
    ),
    Field(
        "l", "", "load_id", _load_id, "string | 0",
        "The edge's id of this load of the document, with its first page view.",
    ),
    Field(
        "s", "", "status", _status, "string | number",
        "Status of the document if it is an error page (400 to 599), with its first page view.",
    ),
    Field(
        "b", "", "automation", _flag("b"), "boolean | 0 | 1",
        "A browser that is driven by a program.",
    ),
)  # fmt: skip
"""In the order in which they are checked, which is that of a Beacon."""

_READERS = tuple(field.read for field in FIELDS)
_SHORT = {field.long_name: field.key for field in FIELDS if field.long_name}
"""Each long name's short one, which counts where both are there."""
_PLACES = {
    key: at for at, field in enumerate(FIELDS) for key in (field.key, field.long_name) if key
}
_ABSENT = tuple(Beacon._field_defaults.get(field.attribute) for field in FIELDS)
_NAME, _PROPS, _INTERACTIVE = map(Beacon._fields.index, ("name", "props", "interactive"))
_MISSING = {
    at: Fault("missing", message, FIELDS[at].key)
    for at, message in enumerate(("An event needs a name.", "An event needs the URL of its page."))
}
