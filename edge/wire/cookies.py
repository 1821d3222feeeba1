"""Keep the one cookie of ours from the origin, and nothing else of what a visitor sends.

The opt-out page sets ``sf_out=1`` when a visitor asks for it (DESIGN 5.2). The origin has no use
for it, and a cache that varies on Cookie would be split by it. The one invariant: every other
byte of a Cookie field stays as it was.
"""

from edge.wire.fields import Field, Fields

OPT_OUT = b"sf_out=1"


def has_opt_out(fields: Fields) -> bool:
    """Tell whether the visitor opted out."""
    return any(
        _is_ours(part) for name, value in fields if _is_cookie(name) for part in _parts(value)
    )


def without_opt_out(fields: Fields) -> list[Field]:
    """Take our pair out of every Cookie field; a field that held nothing else goes whole."""
    kept: list[Field] = []
    for name, value in fields:
        if OPT_OUT not in value or not _is_cookie(name):
            kept.append((name, value))
        elif rest := _without_pair(value):
            kept.append((name, rest))
    return kept


def joined_crumbs(fields: Fields) -> list[Field]:
    """Join the Cookie fields that HTTP/2 may split, where HTTP/1 allows one (RFC 9113 8.2.3)."""
    crumbs = [value for name, value in fields if _is_cookie(name)]
    if len(crumbs) < 2:  # noqa: PLR2004 - one field needs no joining.
        return list(fields)
    joined: list[Field] = []
    for name, value in fields:
        if not _is_cookie(name):
            joined.append((name, value))
        elif crumbs:
            joined.append((name, b"; ".join(crumbs)))
            crumbs = []
    return joined


def _without_pair(value: bytes) -> bytes:
    parts = _parts(value)
    kept = [part for part in parts if not _is_ours(part)]
    if len(kept) == len(parts):
        return value
    if kept and _is_ours(parts[0]):
        kept[0] = kept[0].lstrip(b" \t")
    return b";".join(kept)


def _parts(value: bytes) -> list[bytes]:
    return value.split(b";")


def _is_ours(part: bytes) -> bool:
    return part.strip(b" \t") == OPT_OUT


def _is_cookie(name: bytes) -> bool:
    return name.lower() == b"cookie"
