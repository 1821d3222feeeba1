"""What concerns one connection stays on it."""

import pytest

from edge.wire.hop import end_to_end_request, end_to_end_response, is_websocket, wants_close

UPGRADE = [(b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket")]


def test_connection_fields_and_those_they_name_go() -> None:
    fields = [
        (b"A", b"1"),
        (b"Connection", b"close, X-Hop"),
        (b"x-hop", b"2"),
        (b"TE", b"trailers"),
        (b"Keep-Alive", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"a", b"3"),
    ]

    assert end_to_end_request(fields) == [(b"A", b"1"), (b"a", b"3")]
    assert end_to_end_response(fields) == [(b"A", b"1"), (b"a", b"3")]


@pytest.mark.parametrize("name", [b"Host", b"Cookie", b"Content-Length", b"X-Forwarded-For"])
def test_what_matters_cannot_be_named_away(name: bytes) -> None:
    assert end_to_end_request([(b"Connection", name), (name, b"1")]) == [(name, b"1")]


def test_websocket_is_asked_for_again_and_nothing_else() -> None:
    assert end_to_end_request(UPGRADE) == [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
    assert end_to_end_request([(b"Connection", b"Upgrade"), (b"Upgrade", b"h2c")]) == []
    assert not is_websocket([(b"Upgrade", b"websocket")])
    assert not is_websocket([*UPGRADE, (b"Upgrade", b"h2c")])


def test_alt_svc_would_lead_past_the_edge() -> None:
    assert end_to_end_response([(b"Alt-Svc", b'h3=":443"')]) == []
    assert end_to_end_request([(b"Alt-Svc", b"x")]) == [(b"Alt-Svc", b"x")]


@pytest.mark.parametrize(
    ("version", "value", "closes"),
    [
        (b"HTTP/1.1", None, False),
        (b"HTTP/1.1", b"Close", True),
        (b"HTTP/1.0", None, True),
        (b"HTTP/1.0", b"Keep-Alive", False),
    ],
)
def test_the_last_message_says_so(version: bytes, value: bytes | None, closes: bool) -> None:
    assert wants_close(version, [] if value is None else [(b"connection", value)]) is closes
