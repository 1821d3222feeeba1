"""Mask what identifies a person in text that is kept: paths, referrers, campaign words, properties.

The tracker masks first; this is the second net, for other senders and older trackers. Patterns are
deliberately few and sure: an order number stays, a card number that passes its checksum does not.
The one invariant: time is linear in the length of the text.
"""

import re

EMAIL = "[email]"
TOKEN = "[token]"  # noqa: S105 - the mask, not a token.
CARD = "[card]"
PHONE = "[phone]"

_SUSPICIOUS = re.compile(r"@|%40|\d{3}|[A-Za-z0-9_-]{32}", re.ASCII)
_EMAIL = re.compile(
    r"[^\s/?&=;:,\"'<>()@#]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    re.IGNORECASE,
)
_UUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE
)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_LONG_RUN = re.compile(r"[A-Za-z0-9_-]{32,}", re.ASCII)
_LONG_WORD = re.compile(r"[A-Za-z0-9]{32,}", re.ASCII)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)", re.ASCII)
_PHONE = re.compile(
    r"(?:\+|%2[Bb])\d(?:[ ().-]{0,2}\d){7,14}(?!\d)"
    r"|(?<!\d)\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}(?!\d)"
    r"|(?<![\d-])\d{3}[ .-]\d{3}[ .-]\d{4}(?![\d-])",
    re.ASCII,
)


def mask(text: str) -> str:
    """Replace e-mail addresses, long tokens, card and phone numbers by words that say so."""
    if not _SUSPICIOUS.search(text):
        return text
    text = _EMAIL.sub(EMAIL, text)
    text = _JWT.sub(TOKEN, text)
    text = _UUID.sub(TOKEN, text)
    text = _LONG_RUN.sub(_mask_run, text)
    text = _CARD.sub(_mask_card, text)
    return _PHONE.sub(PHONE, text)


def _mask_run(match: re.Match[str]) -> str:
    """Mask a long run that no writer chose; a slug has dashes and one case only."""
    run = match.group()
    has_digit = any(char.isdigit() for char in run)
    has_both_cases = run != run.lower() and run != run.upper()
    if has_digit and has_both_cases:
        return TOKEN
    return _LONG_WORD.sub(_mask_word, run)


def _mask_word(match: re.Match[str]) -> str:
    word = match.group()
    is_mixed = not word.isdigit() and not word.isalpha()
    return TOKEN if is_mixed else word


def _mask_card(match: re.Match[str]) -> str:
    digits = [int(char) for char in match.group() if char.isdigit()]
    return CARD if _passes_luhn(digits) else match.group()


def _passes_luhn(digits: list[int]) -> bool:
    """Check the digit that payment cards end with (ISO/IEC 7812-1)."""
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - twice five has two digits.
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
