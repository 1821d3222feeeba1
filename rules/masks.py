"""Mask what names a person in text that is kept: paths, titles, referrers, words, properties.

What is looked for is the pack ``privacy``; a site's own masks of paths are ``rules.policy``. The
one invariant: time is linear in the length of the text, whatever the text and the pack say
(``rules.patterns``), and masking what is masked changes nothing.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rules.loader import Document, Place, read_document
from rules.patterns import AnyOf, Pattern, PatternError
from rules.tables import PACKS

_REPEATS = re.compile(r"[*+?{]")
_CARD_DIGITS = range(13, 20)
_MOST_CLEAN, _LONGEST_CLEAN = 8_192, 256
_KEYS = frozenset({"id", "to", "pattern"})
_OPTIONAL = frozenset({"check", "not_beside"})


def _passes_luhn(text: str) -> bool:
    """Check the digit that payment cards end with (ISO/IEC 7812-1)."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - twice five has two digits.
    return len(digits) in _CARD_DIGITS and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_mixed(text: str) -> bool:
    return not text.isdigit() and not text.isalpha()


def _is_mixed_case(text: str) -> bool:
    has_both_cases = text != text.lower() and text != text.upper()
    return has_both_cases and any(char.isdigit() for char in text)


CHECKS: dict[str, Callable[[str], bool]] = {
    "luhn": _passes_luhn,
    "mixed": _is_mixed,
    "mixed-case": _is_mixed_case,
}
"""What a pattern alone cannot say; each looks once at each character of what was found."""


@dataclass(frozen=True, slots=True)
class Mask:
    """One row of the pack."""

    id: str
    to: str
    pattern: Pattern
    check: Callable[[str], bool] | None = None
    not_beside: Pattern | None = None

    def apply(self, text: str) -> str:
        """Write ``to`` wherever this mask finds something."""

        def write(found: str, start: int, end: int) -> str:
            held = self.check is None or self.check(found)
            return self.to if held and not self._touches(text, start, end) else found

        return self.pattern.replace(text, write)

    def _touches(self, text: str, start: int, end: int) -> bool:
        if self.not_beside is None:
            return False
        beside = (*text[start - 1 : start], *text[end : end + 1])
        return any(map(self.not_beside.matches_whole, beside))


@dataclass(frozen=True, slots=True)
class Skip:
    """Which texts need no look: those shorter than ``below`` that have nothing of ``without``."""

    below: int = 0
    without: re.Pattern[str] = re.compile("")


class Masks:
    """The pack's masks, in order."""

    def __init__(self, masks: tuple[Mask, ...], skip: Skip | None = None) -> None:
        self.masks = masks
        self._skip = skip or Skip()
        self._any = AnyOf(mask.pattern.text for mask in masks)
        self._clean: set[str] = set()
        """Texts of late in which nothing was found: what is stored anyway, never what is masked."""

    def apply(self, text: str) -> str:
        """Mask a text; one in which nothing is found, as nearly all are, is scanned once."""
        if len(text) < self._skip.below and not self._skip.without.search(text):
            return text
        if text in self._clean:
            return text
        masked = text
        for step in self._steps(text):
            masked = step[1]
        if masked == text and len(text) <= _LONGEST_CLEAN:
            if len(self._clean) >= _MOST_CLEAN:
                self._clean.clear()
            self._clean.add(text)
        return masked

    def trace(self, text: str) -> tuple[str, ...]:
        """List the masks that change a text."""
        return tuple(mask.id for mask, _ in self._steps(text) if mask)

    def _steps(self, text: str) -> Iterator[tuple[Mask | None, str]]:
        """Give what each mask that changes the text makes of it; the others are not asked."""
        try:
            found = self._any.found_in(text)
        except UnicodeEncodeError:  # Half a surrogate pair: no text that anybody wrote.
            text = text.encode("utf-8", "replace").decode()
            yield None, text
            found = self._any.found_in(text)
        at = -1
        while at := next((index for index in sorted(found) if index > at), 0):
            mask = self.masks[at - 1]
            masked = mask.apply(text)
            if masked != text:
                text = masked
                yield mask, text
                found = self._any.found_in(text)


def load_masks(path: Path) -> Masks:
    """Read and check a pack's ``masks``.

    Raises:
        RuleError: Something is wrong; with file and line.
    """
    document = read_document(path)
    rows = document.values.get("masks") if isinstance(document.values, dict) else None
    if not isinstance(rows, list) or not rows:
        raise document.error((), "expected masks, a list")
    masks: dict[str, Mask] = {}
    for index, row in enumerate(rows):
        mask = _read_mask(document, ("masks", index), row)
        if mask.id in masks:
            raise document.error(
                ("masks", index, "id"), f"expected an id of its own, not {mask.id}"
            )
        masks[mask.id] = mask
    return Masks(tuple(masks.values()), _read_skip(document, document.values.get("skip")))


def _read_skip(document: Document, raw: Any) -> Skip | None:
    """Read ``skip``; without repeats Python's own engine, which is quicker to ask, is as linear."""
    if raw is None:
        return None
    is_whole = isinstance(raw, dict) and raw.keys() == {"below", "without"}
    if not is_whole or not isinstance(raw["below"], int):
        raise document.error(("skip",), "expected below, a number, and without, a pattern")
    pattern = _read_pattern(document, ("skip", "without"), raw["without"]).text
    if _REPEATS.search(pattern):
        raise document.error(("skip", "without"), "expected a pattern without repeats")
    return Skip(raw["below"], re.compile(pattern, re.ASCII))


def _read_mask(document: Document, place: Place, row: Any) -> Mask:
    if not isinstance(row, dict) or not row.keys() >= _KEYS or row.keys() - _KEYS - _OPTIONAL:
        wanted = f"{', '.join(sorted(_KEYS))}, and perhaps {', '.join(sorted(_OPTIONAL))}"
        raise document.error(place, f"expected an object with {wanted}")
    if wrong := next((key for key in row if not isinstance(row[key], str)), None):
        raise document.error((*place, wrong), "expected text")
    check = row.get("check")
    if check is not None and check not in CHECKS:
        raise document.error((*place, "check"), f"expected one of {', '.join(CHECKS)}")
    return Mask(
        row["id"],
        row["to"],
        _read_pattern(document, (*place, "pattern"), row["pattern"]),
        CHECKS.get(check or ""),
        _read_pattern(document, (*place, "not_beside"), row["not_beside"])
        if "not_beside" in row
        else None,
    )


def _read_pattern(document: Document, place: Place, text: str) -> Pattern:
    try:
        return Pattern(text)
    except PatternError as error:
        raise document.error(place, str(error)) from None


@cache
def known_masks() -> Masks:
    """Load the masks that come with the product, once a process."""
    return load_masks(PACKS / "privacy.yaml")


def mask(text: str) -> str:
    """Replace e-mail addresses, long tokens, card and phone numbers by words that say so."""
    return known_masks().apply(text)
