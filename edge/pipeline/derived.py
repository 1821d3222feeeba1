"""Make the custom event that a site's rules attach to a page view.

Pure; the collector runs what comes out through the same steps as any event. The one invariant: only
a page view makes one, at most one, and it says nothing of the visitor beyond the view itself: it is
not interactive, so it does not turn a bounce into a visit that did something.
"""

from edge.event import PAGEVIEW, Beacon
from edge.page_url import split_page
from edge.sites import Site
from rules.matcher import plain_path


def derive_event(beacon: Beacon, site: Site) -> Beacon | None:
    """Give the event that comes with a page view, or None."""
    if beacon.name != PAGEVIEW or not site.policy.makes_events:
        return None
    rule = site.policy.event_of(plain_path(split_page(beacon.url).path) or "/")
    if rule is None:
        return None
    return Beacon(
        name=rule.name,
        url=beacon.url,
        referrer=beacon.referrer,
        age_ms=beacon.age_ms,
        props=rule.props,
        interactive=False,
        viewport_px=beacon.viewport_px,
        automation=beacon.automation,
    )
