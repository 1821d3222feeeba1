"""Views of people that the edge served and the script did not report, beside its numbers.

Only for sites that count both ways (``measure=hybrid``), and only where nothing is filtered: a hit
has no visit. The numbers are ``store.query.capture``'s. The one invariant: such views are shown as
what they are, and never added to those that were reported.
"""

import logging
from datetime import timedelta
from zoneinfo import ZoneInfo

from portal.dashboard.questions import Asker
from portal.dashboard.state import State
from portal.models import Site
from store.client import StoreError, StoreUnavailable
from store.query.capture import capture_report
from store.query.ranges import midnight

log = logging.getLogger(__name__)


def unconfirmed_views(asker: Asker, site: Site, state: State) -> int | None:
    """Count them in the period shown; None where they are not to be shown."""
    if site.measure != "hybrid" or state.chips:
        return None
    zone = ZoneInfo(site.timezone)
    start = midnight(state.days.first, zone)
    end = midnight(state.days.last + timedelta(days=1), zone)
    try:
        report = capture_report(asker.store, asker.site, start, end)
    except (StoreUnavailable, StoreError) as error:
        log.warning("unconfirmed views cannot be read: %s", error)
        return None
    return report[0].unconfirmed if report else 0
