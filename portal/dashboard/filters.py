"""Filters as the URL writes them: ``f=is,source,Google``, one value each.

Entries of the same operator and dimension belong together: any of their values may match (none of
them, for ``is_not``). Names are the short ones of ``DIMENSIONS``; ``prop:plan`` is a property,
``segment`` a saved one by its id. Who did not reach a goal is found by ``has_not_done``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "contains_not": "does not contain",
}
OPPOSITE = {
    "is": "is_not",
    "is_not": "is",
    "contains": "contains_not",
    "contains_not": "contains",
}
DIMENSIONS: dict[str, tuple[str, str]] = {
    "page": ("event:page", "Page"),
    "entry_page": ("visit:entry_page", "Entry page"),
    "exit_page": ("visit:exit_page", "Exit page"),
    "hostname": ("event:hostname", "Host name"),
    "channel": ("visit:channel", "Channel"),
    "source": ("visit:source", "Source"),
    "referrer": ("visit:referrer", "Referrer"),
    "utm_campaign": ("visit:utm_campaign", "Campaign"),
    "utm_source": ("visit:utm_source", "UTM source"),
    "utm_medium": ("visit:utm_medium", "UTM medium"),
    "utm_content": ("visit:utm_content", "UTM content"),
    "utm_term": ("visit:utm_term", "UTM term"),
    "country": ("visit:country", "Country"),
    "region": ("visit:region", "Region"),
    "city": ("visit:city", "City"),
    "browser": ("visit:browser", "Browser"),
    "browser_version": ("visit:browser_version", "Browser version"),
    "os": ("visit:os", "System"),
    "os_version": ("visit:os_version", "System version"),
    "device": ("visit:device", "Device"),
    "screen": ("visit:screen", "Window"),
    "language": ("visit:language", "Language"),
    "event": ("event:name", "Event"),
    "goal": ("event:goal", "Goal"),
}
GOAL = "goal"
SEGMENT = "segment"
PROP = "prop:"
MAX_FILTERS = 20
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter: an operator, a dimension by its short name, and the values any of which match."""

    operator: str
    dimension: str
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """The dimension in words."""
        if self.dimension.startswith(PROP):
            return self.dimension.removeprefix(PROP)
        if self.dimension == SEGMENT:
            return "Segment"
        return DIMENSIONS[self.dimension][1]

    @property
    def verb(self) -> str:
        """The operator in words."""
        return OPERATORS[self.operator]

    @property
    def is_negative(self) -> bool:
        """Tell whether it leaves out what matches."""
        return self.operator.endswith("_not")

    def turned(self) -> "Chip":
        """Turn *is* into *is not*, and back."""
        return Chip(OPPOSITE[self.operator], self.dimension, self.values)

    def clause(self) -> list[Any]:
        """Write the filter as the query model has it."""
        if self.dimension == SEGMENT:
            found = ["is", SEGMENT, [int(value) for value in self.values]]
            return ["not", found] if self.is_negative else found
        if self.dimension == GOAL and self.is_negative:
            return ["has_not_done", replace(self, operator=OPPOSITE[self.operator]).clause()]
        return [self.operator, query_name(self.dimension), list(self.values)]

    def args(self) -> list[str]:
        """Write the filter as the URL has it."""
        return [f"{self.operator},{self.dimension},{value}" for value in self.values]


def query_name(dimension: str) -> str:
    """Give the query model's name of a dimension."""
    if dimension.startswith(PROP):
        return f"event:props:{dimension.removeprefix(PROP)}"
    return DIMENSIONS[dimension][0]


def read_chips(entries: Iterable[str]) -> tuple[Chip, ...]:
    """Read the URL's filters; what is not one is left out."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in list(entries)[:MAX_FILTERS]:
        parts = entry.split(",", _PARTS - 1)
        if len(parts) == _PARTS and parts[0] in OPERATORS and _is_filter(parts[1], parts[2]):
            values = found.setdefault((parts[0], parts[1]), [])
            if parts[2] not in values:
                values.append(parts[2])
    return tuple(Chip(op, name, tuple(values)) for (op, name), values in found.items())


def chips_of(clauses: Any) -> tuple[Chip, ...] | None:
    """Write filters of the query model as chips; None if they say more than chips can."""
    found = [_chip_of(clause) for clause in clauses]
    chips = [chip for chip in found if chip is not None]
    told = {(chip.operator, chip.dimension) for chip in chips}
    if len(told) < len(found) or any(len(set(chip.values)) < len(chip.values) for chip in chips):
        return None
    return tuple(chips)


_SHORT_NAMES = {name: short for short, (name, _) in DIMENSIONS.items()}


def _chip_of(clause: Any) -> Chip | None:
    match clause:
        case ["has_not_done", ["is" | "contains", "event:goal", _] as reached]:
            inner = _chip_of(reached)
            return inner.turned() if inner else None
        case [str(operator), str(name), [*values]] if operator in OPERATORS:
            short = _SHORT_NAMES.get(name, "")
            if name.startswith("event:props:"):
                short = PROP + name.removeprefix("event:props:")
            if short and values and all(isinstance(value, str) for value in values):
                return Chip(operator, short, tuple(values))
    return None


def _is_filter(name: str, value: str) -> bool:
    if name == SEGMENT:
        return value.isascii() and value.isdecimal() and len(value) < 10  # noqa: PLR2004 - fits 32 bits
    return name in DIMENSIONS or (name.startswith(PROP) and len(name) > len(PROP))
