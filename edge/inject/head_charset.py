"""Keep ``<meta charset>`` inside the first 1,024 bytes, where browsers look for it.

Asked only where neither a header nor a byte order mark names the charset. A pure function over the
start of a page; waiting for more bytes is the scanner's work (``prelude``). The one invariant: the
tag is put behind a meta element only if everything between is certainly the head's own content.

Source: https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding
"""

import re

from edge.inject.decide import SkipReason

PRESCAN_BYTES = 1024

_ATTRIBUTES = rb"(?:[^>\"']|\"[^\"]*\"|'[^']*')*+"
_CONSTRUCT = re.compile(
    rb"<!--(?:.*?--!?>|.*)"
    rb"|<(script|style|title|noscript)(?=[\s/>])(?:.*?</\1(?=[\s/>])|.*)"
    rb"|(?P<meta><meta(?=[\s/])" + _ATTRIBUTES + rb">)",
    re.IGNORECASE | re.DOTALL,
)
"""What the search passes over, and the metas it looks at; an open end runs to the end."""

_CHARSET = re.compile(rb"[\s\"'/;]charset\s*=", re.IGNORECASE)
_HEAD_RUN = re.compile(
    rb"(?>\s+"
    rb"|<!--.*?-->"
    rb"|<(?:meta|link|base)(?=[\s/>])" + _ATTRIBUTES + rb">"
    rb"|<(title|style)(?=[\s/>])" + _ATTRIBUTES + rb">.*?</\1\s*>"
    rb"|<script(?=[\s/>])" + _ATTRIBUTES + rb">(?:(?!<!--|</script).)*+</script\s*>"
    rb")*+",
    re.IGNORECASE | re.DOTALL,
)
"""Content that leaves the parser in the head, and outside any element."""


def settle_place(
    start: bytes, place: int, tag_bytes: int, *, is_all: bool
) -> int | SkipReason | None:
    """Answer where the tag may stand, why nowhere, or None while more bytes must be seen.

    Args:
        start: The page's first bytes, at most ``PRESCAN_BYTES``.
        place: Where the tag would stand by the parser's rules.
        tag_bytes: The tag's length.
        is_all: Whether ``start`` is all that a browser would look at.
    """
    meta = _find_meta(start, place)
    if meta is None:
        return place if is_all else None
    first, end = meta
    if end + tag_bytes <= PRESCAN_BYTES:
        return place
    between = start[place:first]
    if not _HEAD_RUN.fullmatch(between):
        return SkipReason.LATE_CHARSET
    return SkipReason.CSP_META if b"content-security-policy" in between.lower() else end


def _find_meta(start: bytes, place: int) -> tuple[int, int] | None:
    """Find the first meta that names a charset, outside comments and text elements."""
    for match in _CONSTRUCT.finditer(start, place):
        if match["meta"] and _CHARSET.search(match["meta"]):
            return match.span()
    return None
