"""Steps: obey a visitor who does not want to be counted.

The tracker is silent by itself in these cases; here the same is held for every other sender. The
one invariant: these steps run first, so nothing is derived from who said no.
"""

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft


def drop_opted_out(draft: Draft) -> DropReason | None:
    """Drop the event of a visitor who clicked so on the opt-out page."""
    return DropReason.OPTED_OUT if draft.context.opted_out else None


def drop_dnt(draft: Draft) -> DropReason | None:
    """Drop on ``DNT: 1`` where the site respects it, which is the default."""
    return _drop_on(draft, b"dnt", DropReason.DNT)


def drop_gpc(draft: Draft) -> DropReason | None:
    """Drop on ``Sec-GPC: 1`` where the site respects it, which is the default."""
    return _drop_on(draft, b"sec-gpc", DropReason.GPC)


def _drop_on(draft: Draft, header: bytes, reason: DropReason) -> DropReason | None:
    is_asked = draft.context.headers.get(header, b"").strip() == b"1"
    return reason if is_asked and draft.sender.site.respect_dnt else None
