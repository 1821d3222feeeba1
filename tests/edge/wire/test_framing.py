"""Lengths that nobody can read differently, and frames every client understands."""

import pytest

from edge.wire.framing import CHUNKED, Frame, framed, request_length, response_frame
from edge.wire.refusal import BAD_REQUEST

TE = b"Transfer-Encoding"
CL = b"Content-Length"


def test_a_request_has_a_length_chunks_or_nothing() -> None:
    assert request_length([], b"HTTP/1.1") == 0
    assert request_length([(CL, b"12")], b"HTTP/1.0") == 12
    assert request_length([(TE, b"Chunked")], b"HTTP/1.1") is CHUNKED


@pytest.mark.parametrize(
    "fields",
    [
        [(CL, b"5"), (CL, b"5")],
        [(CL, b"5, 5")],
        [(CL, b"+5")],
        [(CL, b"05")],
        [(CL, b"0x5")],
        [(CL, b"5 ")],
        [(CL, b"")],
        [(CL, b"9" * 19)],
        [(CL, b"5"), (TE, b"chunked")],
        [(TE, b"chunked"), (TE, b"chunked")],
        [(TE, b"gzip, chunked")],
        [(TE, b"identity")],
        [(TE, b"\x0bchunked")],
        [(TE, b"")],
    ],
)
def test_a_doubtful_length_is_refused(fields: list[tuple[bytes, bytes]]) -> None:
    assert request_length(fields, b"HTTP/1.1") is BAD_REQUEST


def test_http_1_0_knows_no_chunks() -> None:
    assert request_length([(TE, b"chunked")], b"HTTP/1.0") is BAD_REQUEST
    assert response_frame(b"GET", b"HTTP/1.0", 200, [(TE, b"chunked")]) is Frame.CLOSE


@pytest.mark.parametrize(
    ("method", "status", "fields", "frame"),
    [
        (b"GET", 200, [(CL, b"5")], Frame.LENGTH),
        (b"GET", 200, [(TE, b"chunked")], Frame.CHUNKED),
        (b"GET", 200, [], Frame.CHUNKED),
        (b"HEAD", 200, [(CL, b"5")], Frame.NONE),
        (b"GET", 304, [(CL, b"5")], Frame.NONE),
        (b"GET", 204, [], Frame.NONE),
        (b"GET", 101, [], Frame.NONE),
    ],
)
def test_the_frame_of_an_answer(
    method: bytes, status: int, fields: list[tuple[bytes, bytes]], frame: Frame
) -> None:
    assert response_frame(method, b"HTTP/1.1", status, fields) is frame


def test_the_frame_is_written_once() -> None:
    assert framed([(TE, b"chunked"), (b"A", b"1")], Frame.CHUNKED) == [
        (b"A", b"1"),
        (TE, b"chunked"),
    ]
    assert framed([(CL, b"5"), (b"A", b"1")], Frame.LENGTH) == [(CL, b"5"), (b"A", b"1")]
    assert framed([(TE, b"chunked")], Frame.CLOSE) == []
