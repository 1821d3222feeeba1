"""Regular expressions that no input can make slow: RE2, which never goes back.

For patterns that are data, in packs. Words of agents are matched in ``rules.agents``, paths and
hosts by the globs of ``rules.matcher``. The one invariant: what compiles here is matched in time
linear in the text, and what RE2 cannot promise that for (a back reference, a look around) does not
compile.
"""

from collections.abc import Callable, Iterable

import re2

_MAX_LENGTH = 500


class PatternError(ValueError):
    """A pattern cannot be used; the message says what was expected."""


class Pattern:
    """One compiled pattern."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        """Compile.

        Raises:
            PatternError: It is too long, or no pattern that can be matched in linear time.
        """
        _check(text)
        self.text = text
        self._compiled = re2.compile(text, _quiet())

    def matches_whole(self, text: str) -> bool:
        """Tell whether it stands for the whole text."""
        return self._compiled.fullmatch(text) is not None

    def replace(self, text: str, replacement: Callable[[str, int, int], str]) -> str:
        """Replace each place, which ``replacement`` gets as text, start and end."""
        pieces: list[str] = []
        at = 0
        for match in self._compiled.finditer(text):
            start, end = match.span()
            pieces += (text[at:start], replacement(match.group(), start, end))
            at = end
        return "".join((*pieces, text[at:])) if pieces else text


class AnyOf:
    """Many patterns, looked for in one pass."""

    __slots__ = ("_set",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._set = re2.Set.SearchSet(_quiet())
        for text in texts:
            self._set.Add(text)
        self._set.Compile()

    def found_in(self, text: str) -> list[int]:
        """List which of them are somewhere in the text, counted from 1, in no order."""
        found = self._set.Match(text)
        return [index + 1 for index in found] if found else []


def _check(text: str) -> None:
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_LENGTH:
        raise PatternError(f"expected a pattern of 1 to {_MAX_LENGTH} characters")
    try:
        re2.compile(text, _quiet())
    except re2.error as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise PatternError(f"expected a pattern that RE2 takes: {said}") from None


def _quiet() -> "re2.Options":
    options = re2.Options()
    options.log_errors = False
    return options
