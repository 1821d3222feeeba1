"""Filters as the URL writes them: ``f=is,source,Google``, one value each.

Entries of the same operator and dimension belong together: any of their values may match (none of
them, for ``is_not``). Names are the short ones of ``DIMENSIONS``; ``prop:plan`` is a property,
``segment`` a saved one by its id. Who did not reach a goal is found by ``has_not_done``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from portal.language import N_, _

OPERATORS = {
    "is": N_("is"),
    "is_not": N_("is not"),
    "contains": N_("contains"),
    "contains_not": N_("does not contain"),
}
OPPOSITE = {
    "is": "is_not",
    "is_not": "is",
    "contains": "contains_not",
    "contains_not": "contains",
}
DIMENSIONS: dict[str, tuple[str, str]] = {
    "page": ("event:page", N_("Page")),
    "entry_page": ("visit:entry_page", N_("Entry page")),
    "exit_page": ("visit:exit_page", N_("Exit page")),
    "hostname": ("event:hostname", N_("Host name")),
    "channel": ("visit:channel", N_("Channel")),
    "source": ("visit:source", N_("Source")),
    "referrer": ("visit:referrer", N_("Referrer")),
    "utm_campaign": ("visit:utm_campaign", N_("Campaign")),
    "utm_source": ("visit:utm_source", N_("UTM source")),
    "utm_medium": ("visit:utm_medium", N_("UTM medium")),
    "utm_content": ("visit:utm_content", N_("UTM content")),
    "utm_term": ("visit:utm_term", N_("UTM term")),
    "country": ("visit:country", N_("Country")),
    "region": ("visit:region", N_("Region")),
    "city": ("visit:city", N_("City")),
    "browser": ("visit:browser", N_("Browser")),
    "browser_version": ("visit:browser_version", N_("Browser version")),
    "os": ("visit:os", N_("System")),
    "os_version": ("visit:os_version", N_("System version")),
    "device": ("visit:device", N_("Device")),
    "screen": ("visit:screen", N_("Window")),
    "language": ("visit:language", N_("Language")),
    "event": ("event:name", N_("Event")),
    "goal": ("event:goal", N_("Goal")),
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
            return _("Segment")
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
