"""Steps: what a site's own rules keep out: addresses, countries, hosts, referrers, pages.

The rules are compiled in ``rules.policy``. The one invariant: a shield looks at what the edge
itself saw or at the page's address as sent, before anything is masked, and keeps nothing of it.
"""

from edge.outcomes import DropReason
from edge.page_url import split_page
from edge.pipeline.draft import Draft
from rules.matcher import plain_path
from rules.model import Subject


def drop_shielded_ip(draft: Draft) -> DropReason | None:
    """Drop the event of an address that a rule keeps out."""
    admitted = draft.sender.site.policy.admits(Subject.NETWORKS, draft.sender.address)
    return None if admitted else DropReason.SHIELDED_IP


def drop_shielded_host(draft: Draft) -> DropReason | None:
    """Drop the event of a page on a host that a rule keeps out."""
    admitted = draft.sender.site.policy.admits(Subject.HOSTS, draft.hostname)
    return None if admitted else DropReason.HOSTNAME_NOT_ALLOWED


def drop_shielded_path(draft: Draft) -> DropReason | None:
    """Drop the event of a page that a rule keeps out."""
    policy = draft.sender.site.policy
    if not policy.has_shields(Subject.PATHS):
        return None
    path = plain_path(split_page(draft.beacon.url).path) or "/"
    return None if policy.admits(Subject.PATHS, path) else DropReason.SHIELDED_PATH


def drop_shielded_referrer(draft: Draft) -> DropReason | None:
    """Drop an event that came from a host that a rule keeps out; without a referrer none is."""
    host = draft.referrer.partition("/")[0]
    admitted = not host or draft.sender.site.policy.admits(Subject.REFERRERS, host)
    return None if admitted else DropReason.SPAM_REFERRER


def drop_shielded_country(draft: Draft) -> DropReason | None:
    """Drop the event of a country that a rule keeps out."""
    admitted = draft.sender.site.policy.admits(Subject.COUNTRIES, draft.place.country)
    return None if admitted else DropReason.SHIELDED_COUNTRY
