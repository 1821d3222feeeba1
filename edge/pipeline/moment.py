"""Steps: when an event happened, and whether that is too long ago (INGESTION 4).

The moment is the edge's receive time, by the salt store's clock, less the age that the client
reports. The one invariant: no client's clock is ever believed.
"""

from edge.outcomes import DropReason
from edge.pipeline.days import moment_of
from edge.pipeline.draft import Draft

MAX_AGE_MS = 86_400_000


def drop_too_old(draft: Draft) -> DropReason | None:
    """Drop an event of an age that cannot be believed, before its day is asked for."""
    return DropReason.TOO_OLD if draft.beacon.age_ms > MAX_AGE_MS else None


def put_moment(draft: Draft) -> None:
    """Set the time, the local day, and whether that day was in its first hour."""
    draft.ts_ms = draft.context.now_ms - max(draft.beacon.age_ms, 0)
    _, draft.local_day, draft.is_first_hour = moment_of(draft.ts_ms, draft.sender.site.zone)


def drop_day_without_salt(draft: Draft) -> DropReason | None:
    """Drop an event that reaches into a local day whose salt is gone."""
    return None if draft.local_day in draft.context.salts else DropReason.TOO_OLD
