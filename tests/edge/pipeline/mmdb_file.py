"""Write a small database in MaxMind's format, so that tests need nobody's data.

Source: MaxMind DB File Format Specification 2.0.
"""

from ipaddress import IPv4Network, ip_network
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)
_UNSIGNED = {2: b"\xa2", 4: b"\xc4", 8: b"\x08\x02"}
"""Control bytes of unsigned integers by their size; readers insist on the size of each field."""


def render_mmdb(records: dict[str, dict[str, Any]]) -> bytes:
    """Make an IPv4 database of 24-bit records: network in CIDR form → record."""
    nodes: list[list[int | None]] = [[None, None]]
    data = b""
    leaves: list[tuple[int, int, int]] = []
    for cidr, record in records.items():
        node, side = _walk(nodes, ip_network(cidr))
        leaves.append((node, side, len(data)))
        data += _encoded(record)
    count = len(nodes)
    for node, side, offset in leaves:
        nodes[node][side] = count + len(_SEPARATOR) + offset
    tree = b"".join(
        (count if child is None else child).to_bytes(3) for node in nodes for child in node
    )
    return tree + _SEPARATOR + data + _MARKER + _encoded(_metadata(count))


def _walk(nodes: list[list[int | None]], network: Any) -> tuple[int, int]:
    assert isinstance(network, IPv4Network)
    bits = f"{int(network.network_address):032b}"[: network.prefixlen]
    node = 0
    for bit in bits[:-1]:
        child = nodes[node][int(bit)]
        if child is None:
            child = len(nodes)
            nodes.append([None, None])
            nodes[node][int(bit)] = child
        node = child
    return node, int(bits[-1])


def _metadata(count: int) -> dict[str, Any]:
    return {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": (1_767_225_600).to_bytes(8),
        "database_type": "test",
        "description": {"en": "test"},
        "ip_version": 4,
        "languages": ["en"],
        "node_count": count.to_bytes(4),
        "record_size": 24,
    }


def _encoded(value: Any) -> bytes:
    if isinstance(value, dict):
        pairs = b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
        return bytes([0b111_00000 | len(value)]) + pairs
    if isinstance(value, list):
        return bytes([len(value), 4]) + b"".join(map(_encoded, value))
    if isinstance(value, bytes):
        return _UNSIGNED[len(value)] + value
    if isinstance(value, int):
        return _encoded(value.to_bytes(2))
    raw = str(value).encode()
    assert len(raw) < 29
    return bytes([0b010_00000 | len(raw)]) + raw
