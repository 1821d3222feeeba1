"""Codings on their own: names, lists, round trips and bounded pieces."""

import pytest

from edge.inject.codings import (
    CODINGS,
    PIECE_BYTES,
    UndecodableError,
    narrow_accept_encoding,
    open_codec,
    single_coding,
)
from tests.edge.inject.factories import NAVIGATION, a_request, cut

TEXT = b"".join(b"line %d of a page\n" % number for number in range(20_000))


@pytest.mark.parametrize("coding", sorted(CODINGS))
@pytest.mark.parametrize("size", [1013, 1 << 20])
def test_a_stream_comes_back_in_bounded_pieces(coding: bytes, size: int) -> None:
    decoder, make_encoder = open_codec(coding)
    encoder = make_encoder()
    encoded = b"".join(encoder.encode(chunk) for chunk in cut(TEXT, 9973)) + encoder.finish()
    pieces = [piece for chunk in cut(encoded, size) for piece in decoder.feed(chunk)]
    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert decoder.is_complete


@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_a_flush_lets_everything_out(coding: bytes) -> None:
    decoder, make_encoder = open_codec(coding)
    encoder = make_encoder()
    for word in (b"one", b"two"):
        assert b"".join(decoder.feed(encoder.encode(word) + encoder.flush())) == word
    assert not decoder.is_complete


@pytest.mark.parametrize("coding", sorted(CODINGS - {b"deflate"}))
def test_nonsense_is_told(coding: bytes) -> None:
    decoder = open_codec(coding)[0]
    with pytest.raises(UndecodableError):
        list(decoder.feed(b"\x07nonsense" * 100))


def test_a_zstd_window_that_browsers_refuse_is_refused() -> None:
    decoder = open_codec(b"zstd")[0]
    with pytest.raises(UndecodableError):
        list(decoder.feed(b"\x28\xb5\x2f\xfd\x00\x98" + b"\x01\x00\x00"))


@pytest.mark.parametrize(
    ("sent", "coding"),
    [
        ([], b""),
        ([b""], b""),
        ([b"identity"], b""),
        ([b"GZIP"], b"gzip"),
        ([b"identity, br"], b"br"),
        ([b"gzip", b"gzip"], None),
        ([b"br, gzip"], None),
        ([b"lzma"], None),
    ],
)
def test_one_known_coding_or_none(sent: list[bytes], coding: bytes | None) -> None:
    assert single_coding(sent) == coding


@pytest.mark.parametrize(
    ("asked", "forwarded"),
    [
        (b"gzip, deflate, br, zstd", None),
        (b"", None),
        (b"gzip;q=0.5, identity; q=0, *;q=0", None),
        (b"gzip, dcb, dcz, br;q=0.9", b"gzip, br;q=0.9"),
        (b"gzip, *", b"gzip"),
        (b"br, *;q=0.1", b"br"),
        (b"*", b"gzip"),
        (b"compress, sdch", b"identity"),
        (b"compress, * ; q=0.000", b"* ; q=0.000"),
    ],
)
def test_only_what_can_be_undone_is_asked_for(asked: bytes, forwarded: bytes | None) -> None:
    assert narrow_accept_encoding(asked) == forwarded


def test_the_narrowing_is_for_documents_only() -> None:
    accept = (b"accept-encoding", b"gzip, dcb")
    document = a_request([*NAVIGATION, accept])
    assert document.headers == [*NAVIGATION, (b"accept-encoding", b"gzip")]
    picture = [(b"Sec-Fetch-Dest", b"image"), accept]
    assert a_request(picture).headers == picture
