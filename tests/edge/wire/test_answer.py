"""An origin's answer is read forgivingly, but never with a doubtful end."""

import pytest

from edge.wire.answer import AnswerHead, parse_answer_head
from edge.wire.framing import Frame


def read(*lines: bytes, method: bytes = b"GET") -> AnswerHead:
    head = parse_answer_head(list(lines), method)
    assert head is not None
    return head


def test_a_length_a_chunk_or_the_end() -> None:
    assert read(b"HTTP/1.1 200 OK", b"Content-Length: 5").length == 5
    assert read(b"HTTP/1.1 200 OK", b"Transfer-Encoding: CHUNKED").frame is Frame.CHUNKED
    until_end = read(b"HTTP/1.1 200 OK")
    assert (until_end.frame, until_end.closes) == (Frame.CLOSE, True)


def test_whether_the_connection_goes_on() -> None:
    assert not read(b"HTTP/1.1 200 OK", b"Content-Length: 5").closes
    assert read(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Connection: close").closes
    assert read(b"HTTP/1.0 200 OK", b"Content-Length: 5").closes
    assert not read(b"HTTP/1.0 200 OK", b"Content-Length: 5", b"Connection: keep-alive").closes


def test_a_reason_may_be_missing() -> None:
    assert read(b"HTTP/1.1 200").reason == b""
    assert read(b"HTTP/1.1 404 Nicht gefunden \xe9").reason == b"Nicht gefunden \xe9"


def test_oddities_are_forgiven() -> None:
    head = read(
        b"HTTP/1.1 200 OK", b"A: 1", b"  2", b"B : 3", b"C D: 4", b"E: \0", b"Content-Length: 5",
        b"content-length: 5",
    )  # fmt: skip

    assert head.headers == [(b"A", b"1 2"), (b"B", b"3"), (b"Content-Length", b"5")]


@pytest.mark.parametrize(
    "lines",
    [
        [b"220 mail.example ESMTP"],
        [b"HTTP/2 200"],
        [b"HTTP/1.1 99 Odd"],
        [b"HTTP/1.1 200 OK", b" folded first"],
        [b"HTTP/1.1 200 OK", b"nonsense"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 6"],
        [b"HTTP/1.1 200 OK", b"Content-Length: -5"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"HTTP/1.1 200 OK", b"Transfer-Encoding: gzip, chunked"],
    ],
)
def test_a_doubtful_answer_is_none(lines: list[bytes]) -> None:
    assert parse_answer_head(lines, b"GET") is None


def test_answers_without_a_body_keep_the_length_they_speak_of() -> None:
    lines = (b"Content-Length: 5", b"Transfer-Encoding: chunked")

    assert read(b"HTTP/1.1 304 Not Modified", *lines).headers == [(b"Content-Length", b"5")]
    assert read(b"HTTP/1.1 200 OK", *lines, method=b"HEAD").headers == [(b"Content-Length", b"5")]
    assert read(b"HTTP/1.1 204 No Content", *lines).headers == []
    assert read(b"HTTP/1.1 204 No Content", *lines).closes


def test_interim_answers_are_not_the_answer() -> None:
    assert read(b"HTTP/1.1 103 Early Hints", b"Link: </a>").is_interim
    assert not read(b"HTTP/1.1 101 Switching Protocols").is_interim
