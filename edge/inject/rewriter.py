"""Put the tag into a body while it streams; give back the original bytes wherever that fails.

``prelude`` finds the place and ``codings`` undo and redo compression; this module joins them and
owns what happens when something is wrong. The one invariant: until the first byte has gone out,
every original byte is still held, so any doubt ends in the original; after it, the body is carried
on exactly, or ``BodyBrokenError`` says that it cannot be.

A body that is cut inside its coding looks cut to the client too: its end mark is never written.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from edge.crash import place_of
from edge.inject.codings import Codec, Encoder, UndecodableError
from edge.inject.decide import DeclinedError, SkipReason
from edge.inject.prelude import SCAN_BYTES, PreludeScanner

HELD_BYTES = SCAN_BYTES
"""Encoded bytes held at most, besides the chunk just fed; a place not found by then is not."""

BOMB_BYTES = 16 * 1024 * 1024
BOMB_RATIO = 200
"""A body that unpacks beyond both is no page; gzip's own limit is 1,032 to 1."""

_GLANCE_BYTES = 4_096
"""Shown to the scanner first: most pages need no more, and it copies what it is shown."""

type Inspect = Callable[[bytes], bool]
"""Looks at the decoded start of a page that gets the tag; True: its markup bars the beacon."""

_log = logging.getLogger(__name__)


class BodyBrokenError(Exception):
    """The rest of the body cannot be sent: drop the client's connection, or reset its stream."""


class BodyRewriter(Protocol):
    """Rewrite one body: ``feed`` each chunk of content, then ``finish`` once at its regular end.

    Where the origin breaks off, ``finish`` must not be called and the client must see the break.
    """

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go to the client now.

        Raises:
            BodyBrokenError: Nothing right can follow what was sent.
        """
        ...

    def finish(self) -> bytes:
        """Return what is left.

        Raises:
            BodyBrokenError: Nothing right can follow what was sent.
        """
        ...

    @property
    def outcome(self) -> SkipReason | None:
        """None for injected; valid once decided, at the latest after ``finish``."""
        ...

    @property
    def bars_beacon(self) -> bool:
        """Whether a policy in the page's own markup, as far as seen, bars the tracker's beacon."""
        ...


def _ask(scanner: PreludeScanner, chunk: bytes | None) -> int | SkipReason | None:
    """Show the scanner a chunk, or the end; a bug in it must not cost the page."""
    try:
        return scanner.finish() if chunk is None else scanner.feed(chunk)
    except Exception as error:  # noqa: BLE001 - fail open: the page comes before the tag
        _log.error("the scanner failed, the page passes unchanged: %s", place_of(error))
        return SkipReason.FAILED


def _look(inspect: Inspect | None, start: bytes) -> bool:
    """Show the start of a page to who asked for it; a bug in that must not cost the page."""
    try:
        return inspect is not None and inspect(start)
    except Exception as error:  # noqa: BLE001 - fail open: only a number is less exact.
        _log.error("a page's start could not be inspected: %s", place_of(error))
        return False


class PlainRewriter:
    """Rewrite a body that has no coding; once decided, chunks pass through as they are."""

    __slots__ = ("_inspect", "_scanner", "_tag", "bars_beacon", "outcome")

    def __init__(self, scanner: PreludeScanner, tag: bytes, inspect: Inspect | None = None) -> None:
        self._scanner: PreludeScanner | None = scanner
        self._tag = tag
        self._inspect = inspect
        self.bars_beacon = False
        self.outcome: SkipReason | None = None

    def feed(self, chunk: bytes) -> bytes:
        """See ``BodyRewriter``."""
        if self._scanner is None:
            return chunk
        earlier = bytes(self._scanner.buffer)
        answer = _ask(self._scanner, chunk[:_GLANCE_BYTES])
        if answer is None and len(chunk) > _GLANCE_BYTES:
            answer = _ask(self._scanner, chunk[_GLANCE_BYTES:])
        if answer is None:
            return b""
        self._scanner = None
        return self._decide(answer, earlier + chunk)

    def finish(self) -> bytes:
        """See ``BodyRewriter``."""
        if self._scanner is None:
            return b""
        scanner, self._scanner = self._scanner, None
        answer = _ask(scanner, None)
        return self._decide(
            SkipReason.NO_PLACE if answer is None else answer, bytes(scanner.buffer)
        )

    def _decide(self, answer: int | SkipReason, held: bytes) -> bytes:
        if isinstance(answer, SkipReason):
            self.outcome = answer
            return held
        self.bars_beacon = _look(self._inspect, held)
        return b"".join((held[:answer], self._tag, held[answer:]))


class CodedRewriter:
    """Rewrite a compressed body: undo, put the tag in, redo, chunk by chunk."""

    def __init__(
        self,
        scanner: PreludeScanner,
        tag: bytes,
        codec: Codec,
        inspect: Inspect | None = None,
    ) -> None:
        self._scanner: PreludeScanner | None = scanner
        self._tag = tag
        self._inspect = inspect
        self.bars_beacon = False
        self._decoder, self._make_encoder = codec
        self._encoder: Encoder | None = None
        self._held: bytearray | None = bytearray()
        self._bytes_in = 0
        self._bytes_decoded = 0
        self._is_broken = False
        self.outcome: SkipReason | None = None

    def feed(self, chunk: bytes) -> bytes:
        """See ``BodyRewriter``."""
        if self._scanner is None and self._encoder is None:
            return chunk
        if self._is_broken:
            raise BodyBrokenError
        if self._held is not None:
            self._held += chunk
        self._bytes_in += len(chunk)
        return self._guard(chunk)

    def finish(self) -> bytes:
        """See ``BodyRewriter``."""
        if self._is_broken:
            raise BodyBrokenError
        if self._scanner is not None:
            return self._guard(None)
        if self._encoder is not None and self._decoder.is_complete:
            return self._encoder.finish()
        return b""

    def _guard(self, chunk: bytes | None) -> bytes:
        """Turn every failure into the original bytes, while they are still there."""
        try:
            return self._end_scan() if chunk is None else self._rewrite(chunk)
        except DeclinedError as declined:
            reason = declined.reason
        except UndecodableError:
            reason = SkipReason.UNDECODABLE
        except Exception as error:  # noqa: BLE001 - fail open: the page comes before the tag
            _log.error("the rewriter failed: %s", place_of(error))
            reason = SkipReason.FAILED
        return self._give_back(reason)

    def _give_back(self, reason: SkipReason) -> bytes:
        if self._held is None:
            self._is_broken = True
            raise BodyBrokenError
        held, self._held = bytes(self._held), None
        self._scanner = self._encoder = None
        self.outcome = reason
        return held

    def _rewrite(self, chunk: bytes) -> bytes:
        out = []
        for piece in self._decoder.feed(chunk):
            self._bytes_decoded += len(piece)
            self._refuse_bomb()
            if self._scanner is None:
                out.append(self._encode(piece))
            elif (tagged := self._scan(self._scanner, piece)) is not None:
                out.append(self._encode(tagged))
        if self._encoder is None:
            self._refuse_padding()
            return b""
        if not out:
            return b""
        self._held = None
        return b"".join((*out, self._encoder.flush()))

    def _scan(self, scanner: PreludeScanner, piece: bytes) -> bytes | None:
        """Return the start of the page with the tag in it, once that can be known."""
        taken = len(scanner.buffer)
        answer = _ask(scanner, piece)
        if answer is None:
            return None
        return self._put_in(answer, bytes(scanner.buffer[:taken]) + piece)

    def _put_in(self, answer: int | SkipReason, start: bytes) -> bytes:
        if isinstance(answer, SkipReason):
            raise DeclinedError(answer)
        self._scanner = None
        self.bars_beacon = _look(self._inspect, start)
        return b"".join((start[:answer], self._tag, start[answer:]))

    def _encode(self, data: bytes) -> bytes:
        if self._encoder is None:
            self._encoder = self._make_encoder()
        return self._encoder.encode(data)

    def _end_scan(self) -> bytes:
        """Decide at the end of a body whose place was not certain before."""
        if self._scanner is None or (self._bytes_in and not self._decoder.is_complete):
            raise DeclinedError(SkipReason.TRUNCATED)
        answer = _ask(self._scanner, None)
        start = bytes(self._scanner.buffer)
        tagged = self._put_in(SkipReason.NO_PLACE if answer is None else answer, start)
        encoded = self._encode(tagged)
        return encoded + self._encoder.finish() if self._encoder else encoded

    def _refuse_bomb(self) -> None:
        if self._bytes_decoded > BOMB_BYTES and self._bytes_decoded > BOMB_RATIO * self._bytes_in:
            raise DeclinedError(SkipReason.BOMB)

    def _refuse_padding(self) -> None:
        """Stop holding input that unpacks to nothing, such as endless empty blocks."""
        if self._held is not None and len(self._held) > HELD_BYTES:
            raise DeclinedError(SkipReason.SCAN_LIMIT)


class ShadowRewriter:
    """Let a body pass as it is, and find out what would have been done to it."""

    __slots__ = ("_inner", "bars_beacon", "outcome")

    def __init__(self, inner: BodyRewriter) -> None:
        self._inner: BodyRewriter | None = inner
        self.outcome: SkipReason | None = SkipReason.SHADOW
        self.bars_beacon = False

    def feed(self, chunk: bytes) -> bytes:
        """See ``BodyRewriter``."""
        if self._inner is not None and self._inner.feed(chunk):
            self._conclude(self._inner)
        return chunk

    def finish(self) -> bytes:
        """See ``BodyRewriter``."""
        if self._inner is not None:
            self._inner.finish()
            self._conclude(self._inner)
        return b""

    def _conclude(self, inner: BodyRewriter) -> None:
        self._inner = None
        if inner.outcome is not None:
            self.outcome = inner.outcome
