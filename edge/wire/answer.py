"""Read the head of an origin's HTTP/1 answer, forgivingly where that is safe.

An origin is not an attacker, and its page comes first: folded lines are unfolded, bare line feeds
accepted, fields with impossible names or values left out, equal lengths merged. What would make
the end of the body uncertain is refused all the same. The one invariant: what passes here can be
written to a client as it is.

Source: RFC 9112 sections 4, 5.2 and 6.3.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from edge.wire.fields import Field, Indexed, values_of, without
from edge.wire.framing import Frame
from edge.wire.head import is_token, is_valid_value, known_line, read_line
from edge.wire.hop import wants_close

_STATUS = re.compile(rb"(HTTP/1\.[01])[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?", re.DOTALL)
_LENGTH = re.compile(rb"\d{1,18}")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_FOLDS = frozenset({b" ", b"\t"})
_NO_CONTENT = 204
_NOT_MODIFIED = 304
_FINAL = 200
_SWITCHING = 101


class AnswerHead(NamedTuple):
    """The head of one answer, with how its body ends and whether the connection may go on."""

    status: int
    reason: bytes
    headers: list[Field]
    frame: Frame
    length: int
    closes: bool

    @property
    def is_interim(self) -> bool:
        """Tell whether another head follows; 101 is final."""
        return self.status < _FINAL and self.status != _SWITCHING


def parse_answer_head(lines: list[bytes], method: bytes) -> AnswerHead | None:
    """Read status line and fields, without their line ends; None if it is no HTTP/1 answer."""
    read = _read_status(lines[0])
    fields = _parse_fields(lines[1:])
    if read is None or fields is None:
        return None
    version, status, reason = read
    closes = wants_close(version, fields)
    if method == b"HEAD" or status < _FINAL or status in {_NO_CONTENT, _NOT_MODIFIED}:
        claims_body = bool(values_of(fields, b"transfer-encoding"))
        kept = _bodiless(fields, status)
        closes = closes or (claims_body and method != b"HEAD")
        return AnswerHead(status, reason, kept, Frame.NONE, 0, closes)
    framing = _framing(fields)
    if framing is None:
        return None
    frame, length = framing
    kept = _with_one_length(fields) if frame is Frame.LENGTH else fields
    return AnswerHead(status, reason, kept, frame, length, closes or frame is Frame.CLOSE)


@lru_cache(maxsize=256)
def _read_status(line: bytes) -> tuple[bytes, int, bytes] | None:
    """Read a status line into version, status and reason; an origin sends few different ones."""
    match = _STATUS.fullmatch(line)
    return None if match is None else (match[1], int(match[2]), match[3] or b"")


def _parse_fields(lines: list[bytes]) -> Indexed | None:
    fields = Indexed()
    by_name = fields.by_name
    add_field, add_key = fields.append, fields.keys.append
    for line in lines:
        read = known_line(line)
        if read is None:
            if line[:1] in _FOLDS:
                unfolded = _unfold(lines)
                return None if unfolded is None else _parse_fields(unfolded)
            read = read_line(line) or _read_loosely(line)
            if read is None:
                return None
            if not read[1] or not is_valid_value(read[0][1]):
                continue
        field, key = read
        add_field(field)
        add_key(key)
        if key in by_name:
            by_name[key].append(field[1])
        else:
            by_name[key] = [field[1]]
    return fields


def _unfold(lines: list[bytes]) -> list[bytes] | None:
    """Join folded lines to the ones before them; None if there is none before the first."""
    unfolded: list[bytes] = []
    for line in lines:
        if line[:1] not in _FOLDS:
            unfolded.append(line)
        elif unfolded:
            unfolded[-1] += b" " + line.strip(b" \t")
        else:
            return None
    return unfolded


def _read_loosely(line: bytes) -> tuple[Field, bytes] | None:
    """Read a line that is not quite a field; an empty name says that it is to be left out."""
    name, colon, value = line.partition(b":")
    if not colon:
        return None
    name = name.rstrip(b" \t")
    return (name, value.strip(b" \t")), name.lower() if is_token(name) else b""


def _framing(fields: list[Field]) -> tuple[Frame, int] | None:
    codings = values_of(fields, b"transfer-encoding")
    lengths = set(values_of(fields, b"content-length"))
    if codings:
        plain = len(codings) == 1 and codings[0].lower() == b"chunked"
        return (Frame.CHUNKED, 0) if plain and not lengths else None
    if not lengths:
        return Frame.CLOSE, 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(text := lengths.pop()):
        return None
    return Frame.LENGTH, int(text)


def _bodiless(fields: list[Field], status: int) -> list[Field]:
    """Leave out framing that an answer without a body must not have; HEAD and 304 keep a length."""
    if status < _FINAL or status == _NO_CONTENT:
        return without(fields, _FRAMING)
    kept = without(fields, frozenset({b"transfer-encoding"}))
    lengths = set(values_of(kept, b"content-length"))
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        return without(kept, _FRAMING)
    return _with_one_length(kept)


def _with_one_length(fields: list[Field]) -> list[Field]:
    if len(values_of(fields, b"content-length")) < 2:  # noqa: PLR2004 - one is enough.
        return fields
    kept: list[Field] = []
    seen = False
    for name, value in fields:
        if name.lower() == b"content-length":
            if seen:
                continue
            seen = True
        kept.append((name, value))
    return kept
