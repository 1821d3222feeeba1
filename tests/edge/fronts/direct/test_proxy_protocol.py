"""PROXY protocol headers of both versions, cut anywhere, and what is none."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.fronts.direct.proxy_protocol import ProxyHeader, ProxyHeaderError, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + b"\x1f\x90\x00\x50"
V6 = ip_address("2001:db8::7").packed + ip_address("2001:db8::1").packed + b"\x1f\x90\x00\x50"


def v2(body: bytes, family: int = 0x11, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2) + body


GOOD = [
    (b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n", "192.0.2.7", False),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 8080 80\r\n", "2001:db8::7", False),
    (b"PROXY UNKNOWN\r\n", None, False),
    (b"PROXY UNKNOWN ff ff 1 2\r\n", None, False),
    (v2(V4), "192.0.2.7", False),
    (v2(V6, 0x21), "2001:db8::7", False),
    (v2(V4 + b"\x04\x00\x01x" + b"\x20\x00\x05\x01\x00\x00\x00\x00"), "192.0.2.7", True),
    (v2(b"", 0x00), None, False),
    (v2(V4, command=0x20), None, False),
]


@pytest.mark.parametrize(("raw", "address", "tls"), GOOD)
def test_a_header_is_read_whole_and_not_before_it_is_whole(
    raw: bytes, address: str | None, tls: bool
) -> None:
    expected = ProxyHeader(ip_address(address) if address else None, tls, len(raw))
    assert read_proxy_header(raw + b"GET / HTTP/1.1\r\n") == expected
    assert all(read_proxy_header(raw[:cut]) is None for cut in range(len(raw)))


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP4 999.0.2.7 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY " + b"x" * 120,
        v2(V4[:5]),
        v2(V4, command=0x11),
        v2(V4, command=0x22),
        v2(b"x" * 3_000),
    ],
)
def test_what_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        read_proxy_header(raw)


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_waited_for(raw: bytes) -> None:
    for data in (raw, SIGNATURE + raw):
        try:
            found = read_proxy_header(data)
        except ProxyHeaderError:
            continue
        assert found is None or found.size <= len(data)
