"""Which name a request is for: exactly one valid authority, or a refusal.

A request that names two hosts, or none, is the root of routing attacks and cache poisoning, so it
is refused rather than guessed at. Whether a site is served under the name is ``edge.sites``. The
one invariant: what the origin reads in Host is what the edge chose the site by.

Source: RFC 9112 section 3.2 and 3.3, RFC 9113 section 8.3.1.
"""

import re
from functools import lru_cache

from edge.wire.fields import Field, Fields, values_of, without
from edge.wire.refusal import BAD_HOST, Refusal

_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?")
_HOST = frozenset({b"host"})
_MAX_PORT = 65_535


def resolve_authority(
    fields: Fields, named: bytes = b"", *, binary: bool = False
) -> bytes | Refusal:
    """Find the one authority of a request.

    Args:
        fields: The request's fields.
        named: The authority of an absolute-form target, or ``:authority``.
        binary: HTTP/2 or 3, where Host is optional and, if there, must say the same.
    """
    hosts = values_of(fields, b"host")
    if len(hosts) > 1 or (not hosts and not (binary and named)):
        return BAD_HOST
    if binary and named and hosts and hosts[0].lower() != named.lower():
        return BAD_HOST
    authority = named or hosts[0]
    if named and hosts and not is_authority(hosts[0]):
        return BAD_HOST
    return authority if is_authority(authority) else BAD_HOST


@lru_cache(maxsize=4096)
def is_authority(value: bytes) -> bool:
    """Tell whether ``value`` is a host with an optional port, and nothing else."""
    match = _AUTHORITY.fullmatch(value)
    return match is not None and int(match[1] or 0) <= _MAX_PORT


def with_host(fields: Fields, authority: bytes) -> list[Field]:
    """Write ``authority`` as the one Host field, in the place and case where it stood."""
    if values_of(fields, b"host") == [authority]:
        return list(fields)
    for index, (name, value) in enumerate(fields):
        if name.lower() == b"host":
            rest = without(fields, _HOST) if value != authority else list(fields)
            if value != authority:
                rest.insert(index, (name, authority))
            return rest
    return [(b"Host", authority), *fields]
