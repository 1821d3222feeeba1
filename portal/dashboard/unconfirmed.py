"""Views of people that the edge served and the script did not report, beside its numbers.

Views are shown only for sites that count both ways (``measure=hybrid``), the share that was
confirmed for all; both only where nothing is filtered: a hit has no visit. The numbers are
``store.query.capture``'s. The one invariant: such views are shown as what they are, and never added
to those that were reported.
"""

import logging
from datetime import timedelta
from zoneinfo import ZoneInfo

from portal.dashboard.example import ExampleAsker
from portal.dashboard.questions import Asker
from portal.dashboard.state import State
from portal.models import Site
from store.client import StoreError, StoreUnavailable
from store.query.capture import Capture, capture_report
from store.query.ranges import midnight

log = logging.getLogger(__name__)


def unconfirmed_views(asker: Asker, site: Site, state: State) -> int | None:
    """Count them in the period shown; None where they are not to be shown."""
    if site.measure != "hybrid" or isinstance(asker, ExampleAsker):
        return None
    report = captured(asker, site, state)
    return None if report is None else report.unconfirmed


def captured(asker: Asker, site: Site, state: State) -> Capture | None:
    """Tell what became of the documents of the period shown; None where that cannot be told."""
    if state.chips or asker.lock or isinstance(asker, ExampleAsker):
        return None
    zone = ZoneInfo(site.timezone)
    start = midnight(state.days.first, zone)
    end = midnight(state.days.last + timedelta(days=1), zone)
    try:
        report = capture_report(asker.store, asker.site, start, end)
    except (StoreUnavailable, StoreError) as error:
        log.warning("what was served cannot be read: %s", error)
        return None
    return report[0] if report else Capture("")
