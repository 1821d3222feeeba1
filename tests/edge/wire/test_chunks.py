"""Chunked bodies, cut anywhere, and every way in which they can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire.chunks import BrokenChunksError, ChunkReader


def written(pieces: list[bytes], trailers: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return chunks + b"0\r\n" + trailers + b"\r\n"


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=9), st.integers(1, 7))
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(
    pieces: list[bytes], behind: bytes, step: int
) -> None:
    raw = written(pieces, b"X-A: 1\r\nContent-Length: 3\r\n")
    reader = ChunkReader()
    out = b"".join(reader.feed(raw[i : i + step]) for i in range(0, len(raw), step))
    assert reader.done
    assert out == b"".join(pieces)
    assert reader.trailers == [(b"X-A", b"1")]
    assert reader.feed(behind) == b""
    assert reader.rest == behind


def test_what_stands_behind_the_end_is_left_alone() -> None:
    reader = ChunkReader()
    assert reader.feed(b"3;a=b\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n") == b"abc"
    assert reader.done
    assert reader.rest == b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b" 1\r\na\r\n",
        b"1\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"1" * 16 + b"\r\n",
        b"1;\n\r\na\r\n",
        b"1_0\r\n",
        b"0\r\nno field\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"0\r\nA: b\n\r\n\r\n",
        b"0\r\nA: b\r\n folded\r\n\r\n",
        b"0\r\n" + b"A: b\r\n" * 20_000,
        b"1;" + b"a" * 5_000,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(BrokenChunksError):
        ChunkReader().feed(raw)


@given(st.binary(max_size=60))
def test_garbage_never_does_anything_else(raw: bytes) -> None:
    reader = ChunkReader()
    try:
        assert len(reader.feed(raw)) <= len(raw)
    except BrokenChunksError:
        assert not reader.done
