"""The origin learns who asked from us, not from whoever asked."""

from ipaddress import ip_address

from edge.wire.forwarded import is_secure, with_forwarded

PEER = ip_address("192.0.2.1")
CLAIMS = [
    (b"X-Forwarded-For", b"1.1.1.1"),
    (b"x-forwarded-for", b"2.2.2.2"),
    (b"X-Forwarded-Proto", b"HTTPS, http"),
    (b"X-Forwarded-Host", b"outer.example"),
    (b"Forwarded", b"for=1.1.1.1"),
    (b"X-Real-IP", b"1.1.1.1"),
    (b"A", b"1"),
]


def told(*, trusted: bool, peer: str = "192.0.2.1") -> list[tuple[bytes, bytes]]:
    return with_forwarded(
        CLAIMS, peer=ip_address(peer), trusted=trusted, secure=False, authority=b"shop.example:80"
    )


def test_a_stranger_tells_nothing() -> None:
    assert told(trusted=False) == [
        (b"A", b"1"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Host", b"shop.example:80"),
        (b"Forwarded", b'for=192.0.2.1;host="shop.example:80";proto=http'),
    ]


def test_a_trusted_proxys_chain_is_extended() -> None:
    assert told(trusted=True) == [
        (b"X-Real-IP", b"1.1.1.1"),
        (b"A", b"1"),
        (b"X-Forwarded-For", b"1.1.1.1, 2.2.2.2, 192.0.2.1"),
        (b"X-Forwarded-Proto", b"https"),
        (b"X-Forwarded-Host", b"outer.example"),
        (b"Forwarded", b'for=1.1.1.1, for=192.0.2.1;host="shop.example:80";proto=http'),
    ]


def test_ipv6_is_quoted() -> None:
    assert dict(told(trusted=False, peer="2001:db8::1"))[b"Forwarded"].startswith(
        b'for="[2001:db8::1]";'
    )


def test_only_a_trusted_proxy_can_say_https() -> None:
    assert is_secure(CLAIMS, tls=False, trusted=True)
    assert not is_secure(CLAIMS, tls=False, trusted=False)
    assert is_secure([], tls=True, trusted=True)
    assert is_secure([(b"X-Forwarded-Proto", b"gopher")], tls=True, trusted=True)
