"""The noun: a Hit, what was served to whom, without address and agent; and its serial form.

Hits are best effort (INGESTION 5.6): what is lost on the way is counted, and nobody's page waits.
Deriving is ``edge.hits.derive``. The one invariant: a row with a load id that may be confirmed, and
only that one, has ``capture`` ``eligible`` or ``meta_policy``.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import orjson

HIT_FORMAT = 1
"""Version of the encoded Hit. A forwarder must be able to read the formats still in a stream."""


class Kind(StrEnum):
    """What a row tells of."""

    DOCUMENT = "document"
    """An answer to whoever asked for a page: a page, a redirect, a 304."""
    SCRIPT = "script"
    """The tracker's script was fetched."""
    ACTIVATED = "activated"
    """A document that had been fetched ahead was shown."""


class Capture(StrEnum):
    """Whether a document can be confirmed by its tracker, and what keeps it from that."""

    ELIGIBLE = "eligible"
    META_POLICY = "meta_policy"
    """Eligible, but the page's own markup forbids the beacon."""
    CACHEABLE = "cacheable"
    """The tag is in, but a cache may show the document again, or it can carry no id."""
    AHEAD = "ahead"
    """Fetched ahead of a visit that may never come; counts once it is activated."""
    REFUSED = "refused"
    """The visitor does not want to be counted."""
    UNTAGGED = "untagged"
    """Without the tag; the outcome says why."""
    ASIDE = "aside"
    """Not a view of its own: a redirect, a document for a frame, an answer broken off."""


class Hit(NamedTuple):
    """One document as it went out. Field order is the serial form (``HIT_FORMAT``).

    ``outcome``: ``injected``, ``aborted`` or a reason why not. ``from_path``: the page of the same
    site that linked here; ``referrer_host`` another site. ``redirect``: where to, without query.
    ``visitor`` is 0 for who refused or where no salt was at hand. ``refusal``: ``dnt``, ``gpc``,
    ``opted_out`` or empty.

    Units: ``ts_ms`` Unix ms of the request; ``local_day`` days since 1970; sizes in bytes, times
    in milliseconds.
    """

    site_id: int
    ts_ms: int
    local_day: int
    visitor: int
    kind: str
    method: str
    status: int
    outcome: str
    capture: str
    refusal: str
    hostname: str
    path: str
    referrer_host: str
    from_path: str
    redirect: str
    sent_bytes: int
    ttfb_ms: int
    duration_ms: int
    is_complete: bool
    load_id: int
    country: str
    browser: str
    browser_version: str
    os: str
    device: str
    bot: str
    operator: str
    evidence: int


def encode_hits(hits: Sequence[Hit]) -> bytes:
    """Serialise hits for one stream entry."""
    return orjson.dumps([HIT_FORMAT, [tuple(hit) for hit in hits]])


def decode_hits(raw: bytes) -> list[Hit]:
    """Read a stream entry back.

    Raises:
        ValueError: The bytes are not hits of a format this release knows.
    """
    document = orjson.loads(raw)
    if not isinstance(document, list) or document[:1] != [HIT_FORMAT]:
        raise ValueError("not encoded hits of a known format")
    try:
        return [Hit(*row) for row in document[1]]
    except (IndexError, TypeError) as error:
        raise ValueError("not encoded hits") from error
