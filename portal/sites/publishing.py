"""Tell the edges of a changed site, without letting their trouble become the owner's."""

import logging

from portal.config import here
from portal.language import N_
from portal.sites.payload import publication

log = logging.getLogger(__name__)

WARNING = N_(
    "Saved. The edge could not be told yet, so it goes on as before; "
    "it is told as soon as the buffer answers again."
)


def publish_sites() -> str | None:
    """Send all sites to the edges; return a sentence for the person if that failed."""
    with here().database.reading() as session:
        told = publication(session)
    try:
        here().config.publish(told)
    except Exception:
        log.exception("the sites could not be published")
        return WARNING
    return None
