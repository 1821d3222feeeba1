"""Steps: which load of a document a page view belongs to, if as its first, and an error's status.

Ids are made and checked by ``edge.load_id``, documents get them in ``edge.fronts.loads``. The one
invariant: a load is confirmed by one page view at most, and only by an id that this site gave out.
"""

from edge.event import PAGEVIEW
from edge.load_id import error_status, read_load_id
from edge.pipeline.draft import Draft

STATUS = "status"
"""The property of page views of error pages."""


def put_load(draft: Draft) -> None:
    """Set the load's id, and mark the first page view that brings it."""
    beacon, loads = draft.beacon, draft.context.loads
    if beacon.name != PAGEVIEW or not beacon.load_id:
        return
    draft.load_id = read_load_id(draft.sender.site, beacon.load_id)
    draft.is_first = bool(draft.load_id) and (loads is None or loads.claim(draft.load_id))


def put_status(draft: Draft) -> None:
    """Mark a page view of an error page: by the edge's own word, else by the browser's."""
    status = error_status(draft.load_id) or draft.beacon.status
    if status and draft.beacon.name == PAGEVIEW:
        draft.props.setdefault(STATUS, str(status))
