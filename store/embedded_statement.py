r"""Read as much of a SQL statement as ClickHouse's HTTP handler does: where its data begin.

A server finds the data of ``INSERT … FORMAT Native\n<bytes>`` with its parser; the embedded engine
takes statement and data apart, so the face has to cut. This module also refuses what a server's
HTTP port refuses and the engine would do: reading or writing local files, several statements in
one request. It checks no syntax (the engine does) and is pure. The invariant: bytes after an
INSERT's ``FORMAT name`` are never looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from store.embedded_errors import ErrorCode, FaceError

_TOKEN = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_READS = frozenset({b"select", b"with", b"show", b"describe", b"desc", b"exists", b"explain"})
_RESULTS = _READS | {b"check", b"kill", b"("}
_SESSION = frozenset({b"set", b"use"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, cut from its data.

    ``format`` is the name in its FORMAT clause, "" without one. ``data_at`` is the offset of the
    data of an INSERT that carries any in another form than VALUES, else None; ``head`` is then the
    statement without its FORMAT clause, and ``source_at`` the place in it for a FROM INFILE.
    """

    head: bytes
    verb: str
    format: str
    data_at: int | None = None
    source_at: int = 0

    @property
    def answers(self) -> bool:
        """Whether the statement has a result set, be it empty."""
        return self.verb.encode() in _RESULTS

    @property
    def reads(self) -> bool:
        """Whether the statement only reads, so that it queues with the readers."""
        return self.verb.encode() in _READS

    @property
    def changes(self) -> bool:
        """Whether the statement is refused to a read-only request."""
        return not (self.reads or self.keeps_in_session or self.verb == "(")

    @property
    def keeps_in_session(self) -> bool:
        """Whether the statement changes its session, not the data."""
        return self.verb.encode() in _SESSION


@dataclass(frozen=True, slots=True)
class _Token:
    text: bytes
    start: int
    end: int
    is_word: bool


def parse_statement(sql: bytes) -> Statement:
    """Cut a request's SQL into statement and data.

    Raises:
        FaceError: It is empty, holds two statements, or names a local file.
    """
    tokens = _top_level(sql)
    first = next(tokens, None)
    if first is None:
        raise FaceError(ErrorCode.SYNTAX_ERROR, "Empty query")
    verb = first.text.lower()
    if verb == b"insert":
        return _parse_insert(sql, tokens)
    return Statement(sql, verb.decode(errors="replace"), _trailing_format(list(tokens)))


def _parse_insert(sql: bytes, tokens: Iterator[_Token]) -> Statement:
    """Find the data of an INSERT: after ``FORMAT name``, unless a query or VALUES comes first."""
    settings_at = None
    for token in tokens:
        word = token.text.lower() if token.is_word else b""
        if word == b"settings" and settings_at is None:
            settings_at = token.start
        if word == b"values":
            return Statement(sql, "insert", "")
        if word in {b"select", b"with"}:
            _trailing_format(list(tokens))
            return Statement(sql, "insert", "")
        _refuse_local_file(word)
        if word == b"format":
            name = next(tokens, None)
            if name is None or not name.is_word:
                break
            return _with_data(sql, token.start, name, settings_at)
    raise FaceError(ErrorCode.SYNTAX_ERROR, "INSERT has neither FORMAT, VALUES nor SELECT")


def _with_data(sql: bytes, format_at: int, name: _Token, settings_at: int | None) -> Statement:
    if name.text.lower() == b"values":
        return Statement(sql, "insert", "")
    data_at = name.end
    while sql[data_at : data_at + 1] in {b" ", b"\t", b"\r"}:
        data_at += 1
    if sql[data_at : data_at + 1] == b"\n":
        data_at += 1
    source_at = format_at if settings_at is None else settings_at
    return Statement(sql[:format_at], "insert", name.text.decode(), data_at, source_at)


def _trailing_format(tokens: list[_Token]) -> str:
    """Return the name in a closing FORMAT clause; SETTINGS may follow it.

    ``format`` is also a function and an alias, so only ``FORMAT word`` at the very end counts.
    """
    while tokens and tokens[-1].text == b";":
        tokens.pop()
    words = [token.text.lower() if token.is_word else token.text for token in tokens]
    if b";" in words:
        raise FaceError(ErrorCode.SYNTAX_ERROR, "Multi-statements are not allowed")
    for before, word in pairwise(words):
        if before in {b"into", b"from"}:
            _refuse_local_file(word)
    for at in range(len(words) - 2, -1, -1):
        closes = words[at + 2 : at + 3] in ([], [b"settings"])
        if words[at] == b"format" and closes and tokens[at + 1].is_word:
            return tokens[at + 1].text.decode()
    return ""


def _refuse_local_file(word: bytes) -> None:
    if word in {b"outfile", b"infile"}:
        clause = "INTO OUTFILE" if word == b"outfile" else "FROM INFILE"
        raise FaceError(ErrorCode.NOT_IMPLEMENTED, f"{clause} is not allowed over HTTP")


def _top_level(sql: bytes) -> Iterator[_Token]:
    """Yield the tokens that stand in no bracket."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup, match.group()
        if kind == "skip":
            continue
        if text in {b")", b"]", b"}"}:
            depth = max(0, depth - 1)
        elif depth == 0:
            yield _Token(text, match.start(), match.end(), kind == "word")
        if text in {b"(", b"[", b"{"}:
            depth += 1
