"""Read the head of an HTTP/1 request, strictly: bytes to value, or to the reason against it.

The edge stands between caches, origins and clients that all read HTTP a little differently;
whatever two of them could read in two ways is refused here (RFC 9112 section 11.2), before an
upstream connection is opened. Which site the request is for is ``edge.wire.authority``; how long
its body is, ``edge.wire.framing``. The one invariant: a head that passes has exactly one reading.
"""

import re
from typing import NamedTuple

from edge.wire.fields import Field, Indexed
from edge.wire.limits import MAX_HEAD_BYTES, MAX_TARGET_BYTES
from edge.wire.refusal import (
    BAD_REQUEST,
    HEAD_TOO_LARGE,
    METHOD_REFUSED,
    TARGET_TOO_LONG,
    Refusal,
)

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ABSOLUTE = re.compile(rb"(?i:(https?)://)([^/?#]*)(.*)", re.DOTALL)
_MOST_KEPT = 4_096
_LONGEST_KEPT = 128
_REPEATED = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"accept-ranges",
        b"age",
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"date",
        b"dnt",
        b"host",
        b"keep-alive",
        b"last-modified",
        b"pragma",
        b"priority",
        b"sec-ch-ua",
        b"sec-ch-ua-mobile",
        b"sec-ch-ua-platform",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"sec-fetch-user",
        b"sec-gpc",
        b"server",
        b"te",
        b"transfer-encoding",
        b"upgrade-insecure-requests",
        b"vary",
        b"x-content-type-options",
        b"x-frame-options",
    }
)
"""Fields whose lines come again and again, and tell nothing of one person."""
_lines: dict[bytes, tuple[Field, bytes]] = {}
known_line = _lines.get
"""Find a line that was read before."""
_tokens: set[bytes] = set()
"""Names that are tokens; browsers send the same few dozen all day."""

END = b"\r\n\r\n"


class RequestHead(NamedTuple):
    """The head of one HTTP/1 request; ``target`` is in origin-form, or ``*``."""

    method: bytes
    target: bytes
    authority: bytes
    """The authority of an absolute-form target, else empty."""
    version: bytes
    headers: Indexed


def check_partial_head(received: bytes) -> Refusal | None:
    """Judge a head whose end has not arrived yet: None means that waiting for more is worth it."""
    line_end = received.find(b"\r\n")
    if (len(received) if line_end < 0 else line_end) > MAX_TARGET_BYTES + 64:
        return TARGET_TOO_LONG
    if len(received) > MAX_HEAD_BYTES:
        return HEAD_TOO_LARGE
    settled = received[:-1] if received.endswith(b"\r") else received
    if is_ambiguous(settled) or settled[:1] <= b" ":
        return BAD_REQUEST
    return None


def parse_request_head(raw: bytes) -> RequestHead | Refusal:
    """Read a request line and its fields; ``raw`` ends with the empty line."""
    line, _, rest = raw[:-2].partition(b"\r\n")
    if len(line) > MAX_TARGET_BYTES + 64:
        return TARGET_TOO_LONG
    if len(raw) > MAX_HEAD_BYTES:
        return HEAD_TOO_LARGE
    match = _LINE.fullmatch(line)
    if match is None or is_ambiguous(raw):
        return BAD_REQUEST
    headers = parse_fields(rest)
    if headers is None:
        return BAD_REQUEST
    target = _split_target(match[1], match[2])
    if isinstance(target, Refusal):
        return target
    authority, path = target
    return RequestHead(match[1], path, authority, b"HTTP/1." + match[3], headers)


def is_ambiguous(raw: bytes) -> bool:
    """Look for NUL, a bare CR or LF, and a folded line: each is read differently by somebody."""
    lines = raw.count(b"\r\n")
    return (
        raw.count(b"\n") != lines
        or raw.count(b"\r") != lines
        or b"\0" in raw
        or b"\r\n " in raw
        or b"\r\n\t" in raw
    )


def parse_fields(block: bytes) -> Indexed | None:
    """Read field lines, each ending in CRLF; None if one of them is not a field."""
    fields = Indexed()
    by_name = fields.by_name
    add_field, add_key = fields.append, fields.keys.append
    for line in block.split(b"\r\n")[:-1]:
        read = known_line(line) or read_line(line)
        if read is None:
            return None
        field, key = read
        add_field(field)
        add_key(key)
        if key in by_name:
            by_name[key].append(field[1])
        else:
            by_name[key] = [field[1]]
    return fields


def read_line(line: bytes) -> tuple[Field, bytes] | None:
    """Read one field line into the field and its lower-cased name; None if it is no field."""
    name, colon, value = line.partition(b":")
    if not colon or not (name in _tokens or is_token(name)):
        return None
    key = name.lower()
    read = ((name, value.strip(b" \t")), key)
    if key in _REPEATED and len(line) <= _LONGEST_KEPT:
        if len(_lines) >= _MOST_KEPT:
            _lines.clear()
        _lines[line] = read
    return read


def is_token(value: bytes) -> bool:
    """Tell whether a method's or a field's name is one; those seen before are remembered."""
    if value in _tokens:
        return True
    if not _TOKEN.fullmatch(value):
        return False
    if len(value) <= _LONGEST_KEPT:
        if len(_tokens) >= _MOST_KEPT:
            _tokens.clear()
        _tokens.add(value)
    return True


def is_valid_value(value: bytes) -> bool:
    """Tell whether a field value that came in binary framing (HTTP/2) is safe to write as text."""
    return not (b"\r" in value or b"\n" in value or b"\0" in value)


def is_valid_target(target: bytes) -> bool:
    """Tell whether a target that came in binary framing may stand in a request line."""
    return re.fullmatch(rb"(?:/[\x21-\x7e\x80-\xff]*|\*)", target) is not None


def _split_target(method: bytes, target: bytes) -> tuple[bytes, bytes] | Refusal:
    """Split into authority and origin-form target."""
    if method == b"CONNECT":
        return METHOD_REFUSED
    if target.startswith(b"/"):
        return b"", target
    if target == b"*":
        return (b"", target) if method == b"OPTIONS" else BAD_REQUEST
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not match[2]:
        return BAD_REQUEST
    path = match[3] if match[3].startswith(b"/") else b"/" + match[3]
    return match[2], path
