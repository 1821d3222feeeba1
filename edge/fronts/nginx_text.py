"""Write nginx's configuration language: blocks, indentation, and values that cannot break out.

Lines are plain strings; a block is the lines between braces. What is configured is said by the
other ``nginx_*`` modules. The one invariant: whatever a site's fields hold, a value stays one
value; what would need escaping is refused instead, for no host, path or name of ours does.
"""

import re
from collections.abc import Iterable

type Lines = list[str]

_INDENT = "    "
_PLAIN = re.compile(r"[A-Za-z0-9_.:/*@%+,=~\[\]-]+")
_QUOTABLE = re.compile(r'[^"\\$\x00-\x1f\x7f]*')


class NginxError(ValueError):
    """The sites, or what was asked for, cannot be said in nginx's words; for the operator."""


def block(opening: str, *parts: Iterable[str]) -> Lines:
    """Put lines between braces, indented."""
    inner = [line for part in parts for line in part]
    return [f"{opening} {{", *((_INDENT + line if line else "") for line in inner), "}"]


def literal(value: str, what: str) -> str:
    """Write a value that comes from outside, with no variable in it.

    Raises:
        NginxError: It holds a quote, a backslash, a dollar sign or a control character.
    """
    if _PLAIN.fullmatch(value):
        return value
    if not value or not _QUOTABLE.fullmatch(value):
        raise NginxError(f"{what}: {value!r} cannot stand in an nginx configuration")
    return f'"{value}"'


def comment(text: str, width: int = 100) -> Lines:
    """Wrap a paragraph into comment lines."""
    lines: Lines = []
    line = "#"
    for word in text.split():
        if len(line) + len(word) >= width:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]
