"""Filters as the URL writes them: ``f=is,source,Google``, one value each.

Entries of the same operator and dimension belong together: any of their values may match (none of
them, for ``is_not``). Names are the short ones of ``DIMENSIONS``; ``prop:plan`` is a property.
"""

from collections.abc import Iterable
from dataclasses import dataclass
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
}
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
        return DIMENSIONS[self.dimension][1]

    @property
    def verb(self) -> str:
        """The operator in words."""
        return OPERATORS[self.operator]

    def turned(self) -> "Chip":
        """Turn *is* into *is not*, and back."""
        return Chip(OPPOSITE[self.operator], self.dimension, self.values)

    def clause(self) -> list[Any]:
        """Write the filter as the query model has it."""
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
        if len(parts) == _PARTS and parts[0] in OPERATORS and _is_dimension(parts[1]):
            values = found.setdefault((parts[0], parts[1]), [])
            if parts[2] not in values:
                values.append(parts[2])
    return tuple(Chip(op, name, tuple(values)) for (op, name), values in found.items())


def _is_dimension(name: str) -> bool:
    return name in DIMENSIONS or (name.startswith(PROP) and len(name) > len(PROP))
