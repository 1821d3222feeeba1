"""Read the PROXY protocol's header, version 1 or 2: who is behind a balancer that passes TCP.

Pure. Whether a peer may send one at all is the connection's to know. The one invariant: what is not
exactly such a header is refused; there is no guessing where the client's own bytes begin.

Source: HAProxy, "The PROXY protocol", versions 1 and 2.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from edge.event import Address

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = re.compile(
    rb"PROXY (?:UNKNOWN[^\r\n]*|TCP([46]) ([0-9A-Fa-f:.]+) [0-9A-Fa-f:.]+ \d+ \d+)\r\n"
)
_V1_LONGEST = 107
_V2_FIXED = 16
_V2_LONGEST = _V2_FIXED + 2_048
_IPV4, _IPV6 = 1, 2
_ADDRESS_BYTES = {_IPV4: 12, _IPV6: 36}
_TLV_TLS = 0x20
_CLIENT_TLS = 0x01


class ProxyHeaderError(ValueError):
    """The bytes are not a PROXY protocol header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a balancer said. ``address`` None: it speaks for itself. ``size`` in bytes."""

    address: Address | None
    tls: bool
    size: int


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the start of a connection; None if more bytes must come.

    Raises:
        ProxyHeaderError: It is none.
    """
    if data.startswith(_SIGNATURE):
        return _read_v2(data)
    if _SIGNATURE.startswith(data):
        return None
    if data.startswith(b"PROXY ") or b"PROXY ".startswith(data):
        return _read_v1(data)
    raise ProxyHeaderError("no PROXY protocol header")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _V1_LONGEST) + 2
    if end < 2:  # noqa: PLR2004 - not found.
        if len(data) >= _V1_LONGEST:
            raise ProxyHeaderError("a line without an end")
        return None
    match = _V1.fullmatch(data, 0, end)
    if match is None:
        raise ProxyHeaderError("a line that says nothing")
    if match[1] is None:
        return ProxyHeader(None, tls=False, size=end)
    try:
        address = ip_address(match[2].decode("ascii"))
    except ValueError:
        raise ProxyHeaderError("no address") from None
    if address.version != int(match[1]):
        raise ProxyHeaderError("an address of the other family")
    return ProxyHeader(address, tls=False, size=end)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_FIXED:
        return None
    version, command = data[12] >> 4, data[12] & 0xF
    family, size = data[13] >> 4, _V2_FIXED + int.from_bytes(data[14:16])
    if version != 2 or command > 1 or size > _V2_LONGEST:  # noqa: PLR2004 - the version.
        raise ProxyHeaderError("an unknown version or command")
    if len(data) < size:
        return None
    body = data[_V2_FIXED:size]
    if command == 0 or family not in _ADDRESS_BYTES:
        return ProxyHeader(None, tls=False, size=size)
    if len(body) < _ADDRESS_BYTES[family]:
        raise ProxyHeaderError("addresses cut short")
    address = IPv4Address(body[:4]) if family == _IPV4 else IPv6Address(body[:16])
    return ProxyHeader(address, _speaks_tls(body[_ADDRESS_BYTES[family] :]), size)


def _speaks_tls(extensions: bytes) -> bool:
    """Look whether the client spoke TLS to the balancer."""
    at = 0
    while at + 3 <= len(extensions):
        kind, length = extensions[at], int.from_bytes(extensions[at + 1 : at + 3])
        value = extensions[at + 3 : at + 3 + length]
        if kind == _TLV_TLS and value:
            return bool(value[0] & _CLIENT_TLS)
        at += 3 + length
    return False
