"""Copies the body of one document on its way to the client, its coding undone.

The one invariant: whatever goes wrong here, the document passes; a copy that would be too large or
cannot be decoded is dropped, and then there is no picture.
"""

from edge.inject.codings import Decoder, UndecodableError, open_codec

MOST_BYTES = 3 * 1024 * 1024


class Tap:
    """One document; ``coding`` is a name of ``codings.CODINGS``, or empty."""

    def __init__(self, coding: bytes) -> None:
        self._decoder: Decoder | None = open_codec(coding)[0] if coding else None
        self._copied: bytearray | None = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Copy a chunk of the body as the origin sent it."""
        if self._copied is None:
            return
        try:
            for piece in (chunk,) if self._decoder is None else self._decoder.feed(chunk):
                self._copied += piece
                if len(self._copied) > MOST_BYTES:
                    self._copied = None
                    return
        except UndecodableError:
            self._copied = None

    def take(self) -> bytes | None:
        """Give the whole document; None if it was too large, broken or cut."""
        if self._decoder is not None and not self._decoder.is_complete:
            return None
        return None if self._copied is None else bytes(self._copied)
