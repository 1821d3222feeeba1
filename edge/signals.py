"""What the tracker's modules may send: the one table of signals, their fields and their columns.

A signal is an event whose name begins with ``$``; the collector checks its props by this table, the
forwarder makes rows of ``signals`` with it, and the TypeScript definitions are made from it. Why
they are kept apart is docs/adr/0021. The one invariant: what ``signal_values`` gives fits its
columns whoever wrote the event, so the store refuses no row of ``signals``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from edge.event import Event, Scalar
from edge.sites import Module

BANDS = 20
"""Equal parts of a page whose time in view is measured."""
SCALE = 32_767
"""A place inside an element, or on the page's width, is a whole number up to this."""
_PIXELS = 10_000_000
_MILLISECONDS = 86_400_000
_KEY = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most ``longest`` characters, or one of ``choices``; a longer one is cut."""

    longest: int = 300
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from 0 to ``largest``; a larger one is cut down."""

    largest: int


@dataclass(frozen=True, slots=True)
class Real:
    """A number from 0 to ``largest``."""

    largest: float


@dataclass(frozen=True, slots=True)
class Bands:
    """``BANDS`` whole numbers, divided by commas."""


type Kind = Text | Whole | Real | Bands


@dataclass(frozen=True, slots=True)
class SignalField:
    """One prop of a signal: its key on the wire, its column, and what it may be."""

    key: str
    column: str
    kind: Kind
    meaning: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signal:
    """One kind of signal, and the module that sends it."""

    name: str
    module: Module
    meaning: str
    fields: tuple[SignalField, ...]

    @property
    def kind(self) -> str:
        """What the store calls it."""
        return self.name.removeprefix("$")


_SELECTOR = SignalField("s", "selector", Text(), "CSS selector of the element")
_PLACE = (
    _SELECTOR,
    SignalField("x", "x", Whole(SCALE), "place inside the element, from its left edge"),
    SignalField("y", "y", Whole(SCALE), "place inside the element, from its top"),
    SignalField("px", "page_x", Whole(SCALE), "share of the page's width"),
    SignalField("py", "page_y", Whole(_PIXELS), "pixels from the top of the page"),
    SignalField("h", "page_height", Whole(_PIXELS), "height of the page in pixels"),
)
_FORM = SignalField("f", "form", Text(120), "the form's name, id or selector")

SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("$click", Module.CLICKS, "A click on an element.", _PLACE),
        Signal("$rage", Module.CLICKS, "The third of three quick clicks at one place.", _PLACE),
        Signal("$dead", Module.CLICKS, "A click after which nothing happened.", _PLACE),
        Signal(
            "$scroll",
            Module.SCROLL,
            "What of a page was in view, and for how long.",
            (
                SignalField("d", "depth", Whole(100), "deepest percent of the page that was seen"),
                SignalField("h", "page_height", Whole(_PIXELS), "height of the page in pixels"),
                SignalField("b", "bands", Bands(), "milliseconds in view, by twentieths"),
            ),
        ),
        Signal(
            "$vital",
            Module.VITALS,
            "One of the Core Web Vitals of a page.",
            (
                SignalField(
                    "m", "label", Text(8, ("LCP", "INP", "CLS", "FCP", "TTFB")), "which one"
                ),
                SignalField("v", "value", Real(_MILLISECONDS), "milliseconds; a score for CLS"),
                SignalField("s", "selector", Text(), "CSS selector of the element", required=False),
                SignalField("w", "detail", Text(60), "what took the most of it", required=False),
                SignalField(
                    "k",
                    "position",
                    Whole(_KEY),
                    "drawn for each load of the page: of its rows with one `m` the last one counts",
                    required=False,
                ),
            ),
        ),
        Signal(
            "$error",
            Module.ERRORS,
            "An error that nobody caught.",
            (
                SignalField("t", "label", Text(60), "its type, such as TypeError"),
                SignalField("m", "message", Text(300), "its message, without values"),
                SignalField(
                    "f", "file", Text(300), "the script, without its query", required=False
                ),
                SignalField("l", "line", Whole(_PIXELS), "line in it", required=False),
                SignalField("c", "position", Whole(_PIXELS), "column in it", required=False),
            ),
        ),
        Signal(
            "$form",
            Module.FORMS,
            "A form that was begun, and how that ended.",
            (
                _FORM,
                SignalField("o", "label", Text(16, ("submitted", "abandoned")), "the outcome"),
                SignalField("s", "selector", Text(), "the field touched last"),
                SignalField("v", "value", Whole(_MILLISECONDS), "milliseconds from begin to end"),
                SignalField("n", "times", Whole(1_000), "how many fields were touched"),
            ),
        ),
        Signal(
            "$field",
            Module.FORMS,
            "A field of such a form.",
            (
                _FORM,
                SignalField("s", "selector", Text(), "the field's name, id or selector"),
                SignalField("i", "position", Whole(1_000), "its place in the order of first touch"),
                SignalField("v", "value", Whole(_MILLISECONDS), "milliseconds with the focus"),
                SignalField("n", "times", Whole(1_000), "how often it was entered"),
            ),
        ),
    )
}

COLUMNS: dict[str, Kind] = {
    field.column: field.kind for signal in SIGNALS.values() for field in signal.fields
}
"""Every column that a signal fills."""


def check_signal(signal: Signal, props: Mapping[str, Scalar]) -> tuple[tuple[str, Scalar], ...]:
    """Read a signal's props by its table; unknown ones are left out.

    Raises:
        ValueError: One is missing or cannot be read; the message names it.
    """
    read: list[tuple[str, Scalar]] = []
    for field in signal.fields:
        value = props.get(field.key)
        if value is None or value == "":
            if field.required and value is None:
                raise ValueError(field.key)
            continue
        read.append((field.key, _read(field, value)))
    return tuple(read)


def _read(field: SignalField, value: Scalar) -> Scalar:
    match field.kind:
        case Text(longest, choices):
            if not isinstance(value, str) or (choices and value not in choices):
                raise ValueError(field.key)
            return value[:longest]
        case Bands():
            return _read_bands(field.key, value)
        case Whole(largest) | Real(largest) as kind:
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise ValueError(field.key)
            held = min(max(value, 0), largest)
            return int(held) if isinstance(kind, Whole) else held


def _read_bands(key: str, value: Scalar) -> str:
    parts = str(value).split(",")
    if len(parts) != BANDS or not all(part.isascii() and part.isdecimal() for part in parts):
        raise ValueError(key)
    return ",".join(str(min(int(part[:12]), _MILLISECONDS)) for part in parts)


def signal_values(event: Event) -> dict[str, object]:
    """Give the values of a signal's own columns; what it does not have is the column's default.

    Raises:
        TypeError: A prop is no text, so no edge wrote this event.
    """
    values: dict[str, object] = dict(DEFAULTS)
    for field in SIGNALS[event.name].fields:
        text = event.props.get(field.key)
        if text is not None:
            values[field.column] = _column_value(field.kind, as_text(text))
    return values


def as_text(value: object) -> str:
    """Give back what is text.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return value


def _column_value(kind: Kind, text: str) -> object:
    """Write a prop, which the pipeline made text and may have masked, as its column's type."""
    try:
        match kind:
            case Text():
                return text
            case Bands():
                return [_cut(int(part), _MILLISECONDS) for part in text.split(",")]
            case Whole(largest):
                return _cut(int(text), largest)
            case Real():
                return float(text)
    except ValueError:
        return _default(kind)


def _cut(number: int, largest: int) -> int:
    return min(max(number, 0), largest)


def _default(kind: Kind) -> object:
    if isinstance(kind, Text):
        return ""
    if isinstance(kind, Bands):
        return []
    return 0 if isinstance(kind, Whole) else 0.0


def render_table() -> str:
    """Write the signals and their props as the table of ``docs/modules.md``."""
    rows = [
        f"| `{signal.name}` | {signal.module} | `{field.key}`{'' if field.required else ' *'} "
        f"| {field.meaning} | {_describe(field.kind)} | `{field.column}` |"
        for signal in SIGNALS.values()
        for field in signal.fields
    ]
    head = (
        "| name | module | prop | meaning | type | column |\n| --- | --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *rows, "", "\\* may be absent."])


def _describe(kind: Kind) -> str:
    match kind:
        case Text(_, choices) if choices:
            return " ".join(f"`{choice}`" for choice in choices)
        case Text(longest):
            return f"text, at most {longest}"
        case Bands():
            return f"{BANDS} whole numbers, divided by commas"
        case Whole(largest):
            return f"0 to {largest}"
        case Real():
            return "a number"


DEFAULTS: dict[str, object] = {column: _default(kind) for column, kind in COLUMNS.items()}
