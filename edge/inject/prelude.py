"""Find the place of the tag in a page, byte by byte as it arrives, by the HTML parser's own rules.

The modes "initial", "before html" and "before head" of the HTML standard decide: byte order mark,
white space, comments, doctypes, processing instructions, stray end tags and ``<html …>`` are
passed over; the place is straight after ``<head …>``, or in front of whatever else comes first,
because there the browser implies the head. In XHTML, where nothing is implied, only an explicit
``<html …><head …>`` will do. Only the start of a page is looked at; bytes are never decoded to
text.

The scan is a generator that waits wherever it runs out of input, so it costs linear time however
the page is cut, and its answer never depends on how it is cut. The one invariant: it holds at most
``SCAN_BYTES``, and answers with an offset only where that is certain; else with a reason.

Source: https://html.spec.whatwg.org/multipage/parsing.html, 13.2.5 and 13.2.6.4.1 to .3.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass

from edge.inject import head_charset
from edge.inject.decide import DeclinedError, SkipReason

SCAN_BYTES = 65_536
OWN_TAG_BYTES = 1024
"""How far past the place another edge's tag is looked for; ours are shorter than 200 bytes."""

type _Wait[T] = Generator[None, None, T]

_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_NOT_SPACE = re.compile(rb"[^ \t\n\f\r]")
_NOT_SPACE_OR_SLASH = re.compile(rb"[^ \t\n\f\r/]")
_NAME_END = re.compile(rb"[ \t\n\f\r/>]")
_ATTRIBUTE_END = re.compile(rb"[ \t\n\f\r/>=]")
_UNQUOTED_END = re.compile(rb"[ \t\n\f\r>]")
_CLOSE = re.compile(rb">")
_LETTER = re.compile(rb"[A-Za-z]")
_MARKUP = re.compile(rb"<[A-Za-z!?/]")
_LESS, _BANG, _QUESTION, _SLASH, _DASH, _EQUALS, _GREATER = b"<!?/-=>"
_LOWER = 0x20
_QUOTES = {0x22: re.compile(rb'"'), 0x27: re.compile(rb"'")}
_COMMENT_END = re.compile(rb"--!?>")
_XML_COMMENT_END = re.compile(rb"-->")
_PI_END = re.compile(rb"\?>")

_USUAL = re.compile(
    rb"[ \t\n\f\r]*+<!doctype html>[ \t\n\f\r]*+"
    rb"<html(?:[ \t\n\f\r]++(?!amp)[a-z-]++=\"[^\"]*+\")*+[ \t\n\f\r]*+>[ \t\n\f\r]*+<head>",
    re.IGNORECASE,
)
"""How most pages start, for speed: a third of the scan's time. The token rules agree with it."""

_HEAD_CLOSERS = frozenset({b"head", b"body", b"html", b"br"})
"""End tags that imply a head before themselves; all others are ignored there."""
_AMP_NAMES = frozenset(
    mark + kind for mark in (b"amp", "⚡".encode()) for kind in (b"", b"4ads", b"4email")
)


@dataclass(frozen=True, slots=True)
class Expectations:
    """What headers say about the body, as far as the scan depends on it."""

    tag_bytes: int
    own_tag: re.Pattern[bytes]
    needs_evidence: bool = False
    is_xml: bool = False
    charset_named: bool = True


class _EndError(Exception):
    """The body ended where more was needed."""


class PreludeScanner:
    """Scan one page; feed it until it answers, then take ``buffer``."""

    __slots__ = ("_ended", "_evidence", "_expects", "_steps", "buffer")

    def __init__(self, expects: Expectations) -> None:
        self.buffer = bytearray()
        self._ended = False
        self._evidence = not expects.needs_evidence
        self._expects = expects
        self._steps = self._scan()

    def feed(self, data: bytes) -> int | SkipReason | None:
        """Take more of the page; answer the offset of the tag, a reason, or None for "go on".

        Of ``data`` no more than fits into ``SCAN_BYTES`` is taken; then the answer is never None.
        """
        self.buffer += data[: SCAN_BYTES - len(self.buffer)]
        return self._resume()

    def finish(self) -> int | SkipReason:
        """Answer with what there is: the page has ended."""
        self._ended = True
        answer = self._resume()
        return SkipReason.NO_PLACE if answer is None else answer

    def _resume(self) -> int | SkipReason | None:
        try:
            next(self._steps)
        except StopIteration as stop:
            answer: int | SkipReason = stop.value
            return answer
        return None

    def _scan(self) -> _Wait[int | SkipReason]:
        try:
            place = yield from self._find_place()
            if not self._evidence:
                return SkipReason.FRAGMENT
            if (yield from self._is_tagged_at(place)):
                return SkipReason.ALREADY_TAGGED
            if self._expects.charset_named or self._expects.is_xml or self.buffer.startswith(_BOM):
                return place
            return (yield from self._settle_charset(place))
        except DeclinedError as declined:
            return declined.reason
        except _EndError:
            return SkipReason.NO_PLACE

    def _until(self, length: int) -> _Wait[None]:
        """Wait until the buffer is that long."""
        while len(self.buffer) < length:
            if len(self.buffer) >= SCAN_BYTES:
                raise DeclinedError(SkipReason.SCAN_LIMIT)
            if self._ended:
                raise _EndError
            yield

    def _seek(self, wanted: re.Pattern[bytes], at: int, overlap: int = 0) -> _Wait[int]:
        """Wait for a match and return where it starts; never look at a byte twice but ``overlap``.

        ``overlap`` is the length of the longest match, less one.
        """
        start = at
        while True:
            if match := wanted.search(self.buffer, at):
                return match.start()
            at = max(start, len(self.buffer) - overlap)
            yield from self._until(len(self.buffer) + 1)

    def _find_place(self) -> _Wait[int]:
        """Pass over all that comes before the head, token by token."""
        if not self._expects.is_xml and (usual := _USUAL.match(self.buffer)):
            self._evidence = True
            return usual.end()
        at = yield from self._find_first()
        while True:
            is_place, at = yield from self._read_token(at)
            if is_place:
                return at
            try:
                at = yield from self._seek(_NOT_SPACE, at)
            except _EndError:
                return self._implied(len(self.buffer))

    def _find_first(self) -> _Wait[int]:
        """Find the first thing in the body; only markup will do."""
        try:
            yield from self._until(2)
            if self.buffer.startswith(_UTF16_BOMS):
                raise DeclinedError(SkipReason.CHARSET)
            if self.buffer.startswith(_BOM[:2]):
                yield from self._until(len(_BOM))
            at = yield from self._seek(_NOT_SPACE, len(_BOM) * self.buffer.startswith(_BOM))
        except _EndError:
            is_blank = not _NOT_SPACE.search(self.buffer)
            raise DeclinedError(SkipReason.EMPTY if is_blank else SkipReason.NOT_MARKUP) from None
        if self.buffer[at] == _LESS:
            yield from self._until(at + 2)
        if not _MARKUP.match(self.buffer, at):
            raise DeclinedError(SkipReason.NOT_MARKUP)
        return at

    def _read_token(self, at: int) -> _Wait[tuple[bool, int]]:
        """Tell whether the place is found, and where it is or where the next token starts."""
        if self.buffer[at] != _LESS:
            return True, self._implied(at)
        yield from self._until(at + 2)
        kind = self.buffer[at + 1]
        if kind == _BANG:
            return False, (yield from self._skip_declaration(at))
        if kind == _QUESTION:
            if self._expects.is_xml:
                return False, (yield from self._seek(_PI_END, at + 2, overlap=1)) + 2
            return False, (yield from self._seek(_CLOSE, at + 2)) + 1
        if kind == _SLASH:
            return (yield from self._read_end_tag(at))
        if not _LETTER.match(self.buffer, at + 1):
            return True, self._implied(at)
        return (yield from self._read_start_tag(at))

    def _implied(self, at: int) -> int:
        """Place the tag where the browser implies a head; XML implies nothing."""
        if self._expects.is_xml:
            raise DeclinedError(SkipReason.NO_PLACE)
        return at

    def _skip_declaration(self, at: int) -> _Wait[int]:
        """Skip a comment, doctype or bogus comment, as far as browsers think it goes."""
        with_dashes = at + len(b"<!--")
        for length in range(at + 3, with_dashes + 1):
            yield from self._until(length)
            if self.buffer[length - 1] != _DASH:
                return (yield from self._skip_doctype(at))
        if self._expects.is_xml:
            return (yield from self._seek(_XML_COMMENT_END, with_dashes, overlap=2)) + 3
        for empty in (b">", b"->"):
            yield from self._until(with_dashes + 1)
            if self.buffer[with_dashes] == empty[0]:
                yield from self._until(with_dashes + len(empty))
            if self.buffer.startswith(empty, with_dashes):
                return with_dashes + len(empty)
        end = yield from self._seek(_COMMENT_END, with_dashes, overlap=3)
        return (yield from self._seek(_CLOSE, end)) + 1

    def _skip_doctype(self, at: int) -> _Wait[int]:
        """Skip to the next ``>``, which in HTML ends a doctype even inside its quotes."""
        end = (yield from self._seek(_CLOSE, at + 2)) + 1
        text = self.buffer[at:end]
        if self._expects.is_xml and (b"[" in text or text.count(b'"') % 2 or text.count(b"'") % 2):
            raise DeclinedError(SkipReason.NO_PLACE)
        self._evidence = self._evidence or text[2:9].lower() == b"doctype"
        return end

    def _read_end_tag(self, at: int) -> _Wait[tuple[bool, int]]:
        yield from self._until(at + 3)
        if not _LETTER.match(self.buffer, at + 2):
            return False, (yield from self._seek(_CLOSE, at + 2)) + 1
        name_end = yield from self._seek(_NAME_END, at + 2)
        if self._expects.is_xml or bytes(self.buffer[at + 2 : name_end]).lower() in _HEAD_CLOSERS:
            return True, self._implied(at)
        return False, (yield from self._skip_attributes(name_end, []))

    def _read_start_tag(self, at: int) -> _Wait[tuple[bool, int]]:
        name_end = yield from self._seek(_NAME_END, at + 1)
        name = bytes(self.buffer[at + 1 : name_end])
        name = name if self._expects.is_xml else name.lower()
        self._evidence = self._evidence or name in {b"html", b"head", b"body"}
        if name not in {b"html", b"head"}:
            return True, self._implied(at)
        attributes: list[bytes] = []
        end = yield from self._skip_attributes(name_end, attributes)
        if name == b"html" and not _AMP_NAMES.isdisjoint(attributes):
            raise DeclinedError(SkipReason.AMP)
        if self._expects.is_xml and self.buffer[end - 2] == _SLASH:
            raise DeclinedError(SkipReason.NO_PLACE)
        return name == b"head", end

    def _skip_attributes(self, at: int, names: list[bytes]) -> _Wait[int]:
        """Skip to behind the ``>`` of a tag and note the attributes' names.

        A quote opens a value only straight after ``=``; anywhere else it is part of a name.
        """
        while True:
            at = yield from self._seek(_NOT_SPACE_OR_SLASH, at)
            if self.buffer[at] == _GREATER:
                return at + 1
            name_end = yield from self._seek(_ATTRIBUTE_END, at + 1)
            names.append(bytes(self.buffer[at:name_end]).lower())
            at = yield from self._seek(_NOT_SPACE, name_end)
            if self.buffer[at] == _EQUALS:
                at = yield from self._skip_value(at + 1)

    def _skip_value(self, at: int) -> _Wait[int]:
        at = yield from self._seek(_NOT_SPACE, at)
        if quote := _QUOTES.get(self.buffer[at]):
            return (yield from self._seek(quote, at + 1)) + 1
        return (yield from self._seek(_UNQUOTED_END, at))

    def _is_tagged_at(self, place: int) -> _Wait[bool]:
        """Look for the tag of another edge between us and the origin: it stands at the same place.

        Nothing is waited for beyond the first byte that rules it out.
        """
        try:
            at = yield from self._seek(_NOT_SPACE, place)
            for length, expected in enumerate(b"<script", start=1):
                yield from self._until(at + length)
                if self.buffer[at + length - 1] | _LOWER != expected | _LOWER:
                    return False
            end = yield from self._seek(_CLOSE, at)
        except (_EndError, DeclinedError):
            return False
        return bool(self._expects.own_tag.search(self.buffer, at, min(end + 1, at + OWN_TAG_BYTES)))

    def _settle_charset(self, place: int) -> _Wait[int | SkipReason]:
        """Keep ``<meta charset>`` where browsers look for it; ask again only after another tag."""
        answer = None
        while answer is None:
            length = len(self.buffer)
            start = bytes(self.buffer[: head_charset.PRESCAN_BYTES])
            is_all = self._ended or length >= head_charset.PRESCAN_BYTES
            answer = head_charset.settle_place(start, place, self._expects.tag_bytes, is_all=is_all)
            if answer is None:
                yield from self._await_tag(length)
        if isinstance(answer, int) and answer != place and (yield from self._is_tagged_at(answer)):
            return SkipReason.ALREADY_TAGGED
        return answer

    def _await_tag(self, at: int) -> _Wait[None]:
        """Wait for a ``>``, for all that a browser would look at, or for the end."""
        while self.buffer.find(b">", at) < 0 and len(self.buffer) < head_charset.PRESCAN_BYTES:
            try:
                yield from self._until(len(self.buffer) + 1)
            except _EndError:
                return
