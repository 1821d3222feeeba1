"""Keep caches truthful: a page with the tag is another representation than the page without.

The entity tag that a client sees for a tagged page is the origin's with a mark,
``W/"<orig>.sf<version>[s]"`` (``s``: the origin's was strong); the mark is taken off again before
the origin compares. ``Last-Modified`` is never older than the tag. Nothing here decides whether a
page is tagged; ``plan`` does. The one invariant: a copy that lacks the current tag is never
confirmed as fresh where that can be known, and a marked tag never reaches the origin.
"""

import re
from calendar import timegm
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate
from functools import lru_cache

from edge.inject.decide import Fields
from edge.inject.tag import Headers, Tag
from edge.wire.fields import keys_of

_ENTITY_TAG = re.compile(rb'(?:W/)?"[^"]*"')
_MARKED = re.compile(rb'W/"([^"]*)\.sf([0-9A-Za-z_-]+?)(s?)"')
_CONDITIONS = frozenset({b"if-none-match", b"if-match", b"if-range"})
_LENGTH_AND_DIGESTS = frozenset(
    {b"content-length", b"content-md5", b"digest", b"repr-digest", b"content-digest"}
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a conditional request asks, once our marks are off.

    ``marks`` maps the opaque part of each of the origin's entity tags to the version of the mark
    that the client's copy bore. ``is_current``: the client's copy has the current tag.
    """

    headers: Headers
    marks: dict[bytes, bytes] = field(default_factory=dict)
    is_current: bool = False


def take_off_marks(
    headers: Headers, fields: Fields, tag: Tag, *, is_document: bool, is_tagged: bool
) -> Conditions:
    """Restore the origin's validators in a request.

    Args:
        headers: The request's.
        fields: The same, grouped.
        tag: The current one.
        is_document: Whether the answer may be a page; only then must an old copy be replaced.
        is_tagged: Whether such a page surely gets the tag now; if not, every mark is an old one.
    """
    if _CONDITIONS.isdisjoint(fields) and b"if-modified-since" not in fields:
        return Conditions(headers)
    marked = [mark for value in fields.get(b"if-none-match", ()) for mark in _read_marks(value)]
    marks = dict(marked)
    restored = headers if _CONDITIONS.isdisjoint(fields) else _restore(headers)
    current = tag.version.encode()
    is_old = any(version != current or not is_tagged for _, version in marked)
    has_current_mark = bool(marks) and not is_old
    since = _since(fields)
    if is_document and is_old and b"if-none-match" in fields:
        return Conditions(_without(restored, {b"if-none-match", b"if-modified-since"}), marks)
    if not is_document or since is None:
        return Conditions(restored, marks, has_current_mark)
    if not is_tagged:
        # A date bears no mark: without an entity tag beside it, the copy may have the tag.
        is_named = b"if-none-match" in fields
        return Conditions(
            restored if is_named else _without(restored, {b"if-modified-since"}), marks
        )
    if since >= tag.modified_at:
        return Conditions(restored, marks, is_current=True)
    dropped = {b"if-modified-since"}
    if not has_current_mark and b"sec-fetch-dest" in fields:
        dropped.add(b"if-none-match")
    return Conditions(_without(restored, dropped), marks, has_current_mark)


def mark_response(headers: Headers, tag: Tag) -> Headers:
    """Describe a page that gets the tag: marked validators, no length, no digests.

    An entity tag of illegal form is removed, for the mark could not be told from it later.
    """
    version = tag.version.encode()
    marked: Headers = []
    for item, key in zip(headers, keys_of(headers), strict=True):
        if key in _LENGTH_AND_DIGESTS:
            continue
        if key == b"etag":
            value = item[1].strip()
            if _ENTITY_TAG.fullmatch(value):
                marked.append((item[0], put_mark(value, version)))
        elif key == b"last-modified":
            marked.append((item[0], _later(item[1], tag.modified_at)))
        else:
            marked.append(item)
    return marked


def mark_not_modified(headers: Headers, conditions: Conditions, tag: Tag) -> Headers:
    """Describe in a 304 the copy that the client has: marked, if and as that copy is."""
    marked: Headers = []
    for name, value in headers:
        key = name.lower()
        if key == b"etag" and (match := _ENTITY_TAG.fullmatch(value.strip())):
            version = conditions.marks.get(_opaque(match[0]))
            if version is None and conditions.is_current:
                version = tag.version.encode()
            marked.append((name, put_mark(match[0], version) if version else value))
        elif key == b"last-modified" and conditions.is_current:
            marked.append((name, _later(value, tag.modified_at)))
        else:
            marked.append((name, value))
    return marked


def put_mark(entity_tag: bytes, version: bytes) -> bytes:
    """Mark an entity tag; the result is weak, because the bytes are no longer the origin's."""
    strong = b"" if entity_tag.startswith(b"W/") else b"s"
    return b'W/"%b.sf%b%b"' % (_opaque(entity_tag), version, strong)


def _restore(headers: Headers) -> Headers:
    """Take the marks off all conditions.

    A range of a marked copy is not a range of the origin's bytes. Such a Range is dropped, and the
    client gets the whole page, as RFC 9110 13.1.5 wants for a weak validator.
    """
    restored: Headers = []
    is_range_of_ours = False
    for name, value in headers:
        key = name.lower()
        if key in _CONDITIONS and (plain := _ENTITY_TAG.sub(_unmark, value)) != value:
            is_range_of_ours = is_range_of_ours or key == b"if-range"
            restored.append((name, plain))
        else:
            restored.append((name, value))
    return _without(restored, {b"range"}) if is_range_of_ours else restored


def _read_marks(value: bytes) -> list[tuple[bytes, bytes]]:
    """List the marked tags of a condition: the origin's opaque part, and the mark's version."""
    found = [_MARKED.fullmatch(entity_tag) for entity_tag in _ENTITY_TAG.findall(value)]
    return [(match[1], match[2]) for match in found if match]


def _unmark(entity_tag: re.Match[bytes]) -> bytes:
    match = _MARKED.fullmatch(entity_tag[0])
    if not match:
        return entity_tag[0]
    return b'%b"%b"' % (b"" if match[3] else b"W/", match[1])


def _opaque(entity_tag: bytes) -> bytes:
    return entity_tag[entity_tag.index(b'"') + 1 : -1]


def _without(headers: Headers, names: set[bytes]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in names]


def _since(fields: Fields) -> int | None:
    """Read If-Modified-Since; a date that cannot be read is the origin's business."""
    values = fields.get(b"if-modified-since")
    return _parse_date(values[0]) if values else None


def _later(value: bytes, modified_at: int) -> bytes:
    own = _parse_date(value)
    return value if own is None or own >= modified_at else _written_date(modified_at)


@lru_cache(maxsize=1024)
def _written_date(at: int) -> bytes:
    return formatdate(at, usegmt=True).encode()


@lru_cache(maxsize=4096)
def _parse_date(value: bytes) -> int | None:
    """Read an HTTP date in any of its three forms, as Unix seconds."""
    try:
        parts = parsedate(value.decode("latin-1"))
        return None if parts is None else timegm(parts)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
