import gzip
import zlib

import lz4.frame
import pytest
from backports import zstd

from store.embedded_codings import choose_coding, decode_body, make_encoder
from store.embedded_errors import ErrorCode, FaceError

ENCODE = {"lz4": lz4.frame.compress, "zstd": zstd.compress, "gzip": gzip.compress}
ENCODE["deflate"] = zlib.compress


@pytest.mark.parametrize("coding", ENCODE)
def test_every_frame_is_decoded(coding: str) -> None:
    body = b"".join(ENCODE[coding](b"%d" % number * 100_000) for number in range(5))
    wanted = b"".join(b"%d" % number * 100_000 for number in range(5))
    assert decode_body(body, coding.upper(), 10**6) == wanted


@pytest.mark.parametrize("coding", ENCODE)
@pytest.mark.parametrize("cut", [-1, -5, 3, 20])
def test_a_cut_body_is_refused(coding: str, cut: int) -> None:
    body = (ENCODE[coding](b"a") + ENCODE[coding](bytes(range(256)) * 50))[:cut]
    with pytest.raises(FaceError):
        decode_body(body, coding, 10**6)


@pytest.mark.parametrize("coding", ENCODE)
def test_a_bomb_is_refused(coding: str) -> None:
    with pytest.raises(FaceError) as caught:
        decode_body(ENCODE[coding](bytes(10**7)), coding, 10**6)
    assert caught.value.code == ErrorCode.QUERY_IS_TOO_LARGE


@pytest.mark.parametrize("coding", ENCODE)
def test_what_is_encoded_in_pieces_can_be_decoded(coding: str) -> None:
    encoder = make_encoder(coding)
    body = encoder.compress(b"one") + encoder.compress(b"two") + encoder.flush()
    assert decode_body(body, coding, 100) == b"onetwo"
    assert decode_body(make_encoder(coding).flush(), coding, 100) == b""


def test_an_unknown_coding_is_refused() -> None:
    with pytest.raises(FaceError) as caught:
        decode_body(b"abc", "br", 100)
    assert caught.value.code == ErrorCode.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", ""),
        ("lz4,zstd,br,gzip", "lz4"),
        ("br", ""),
        ("gzip;q=0.5, zstd", "zstd"),
        ("lz4; q=0, gzip", "gzip"),
        ("identity", ""),
    ],
)
def test_the_cheapest_coding_that_the_client_takes(accept: str, coding: str) -> None:
    assert choose_coding(accept) == coding
