"""SQL as typed parts: text from this package, values as bound parameters.

A ``Fragment`` is text that may hold ``{name:Type}`` places; ``Binder`` gives out the names. The one
invariant: nothing that came from a request is ever part of the text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NewType

Fragment = NewType("Fragment", str)
"""SQL text written in this package, with places for parameters."""


@dataclass(slots=True)
class Binder:
    """Collects the parameters of one statement; equal values share one."""

    params: dict[str, Any] = field(default_factory=dict)

    def text(self, value: str) -> Fragment:
        """Bind a string."""
        return self._bind(value, "String")

    def texts(self, values: Iterable[str]) -> Fragment:
        """Bind a list of strings, as the right side of ``in``."""
        return self._bind(list(values), "Array(String)")

    def integer(self, value: int) -> Fragment:
        """Bind a whole number."""
        return self._bind(value, "Int64")

    def numbers(self, values: Iterable[int]) -> Fragment:
        """Bind a list of whole numbers, as the right side of ``in``."""
        return self._bind(list(values), "Array(UInt64)")

    def days(self, values: Iterable[str]) -> Fragment:
        """Bind a list of dates given in ISO form, as the right side of ``in``."""
        return self._bind(list(values), "Array(Date)")

    def identity(self, value: int) -> Fragment:
        """Bind a site's id."""
        return self._bind(value, "UInt32")

    def day(self, value: str) -> Fragment:
        """Bind a date given in ISO form."""
        return self._bind(value, "Date")

    def _bind(self, value: Any, kind: str) -> Fragment:
        for name, known in self.params.items():
            if known == value and name.startswith(f"{_prefix(kind)}_"):
                return Fragment(f"{{{name}:{kind}}}")
        name = f"{_prefix(kind)}_{len(self.params)}"
        self.params[name] = value
        return Fragment(f"{{{name}:{kind}}}")


def _prefix(kind: str) -> str:
    return kind.rstrip(")").replace("(", "_").lower()


def all_of(parts: Iterable[Fragment]) -> Fragment:
    """Join conditions of which every one must hold."""
    return Fragment(" and ".join(parts) or "true")


def any_of(parts: Iterable[Fragment]) -> Fragment:
    """Join conditions of which one must hold."""
    return Fragment("(" + (" or ".join(parts) or "false") + ")")
