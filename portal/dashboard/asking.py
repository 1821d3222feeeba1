"""Ask the store for a page's sake: trouble becomes a sentence for the person, and a log line."""

import logging
from collections.abc import Callable
from typing import Any

from portal.config import here
from portal.dashboard.questions import Asker
from portal.language import N_, _
from portal.models import Site
from portal.security import request_id
from portal.sites.access import query_site, query_site_with_funnels
from store.client import StoreError, StoreUnavailable
from store.query.model import QueryError, Result
from store.query.run import current_visitors

log = logging.getLogger(__name__)

AWAY = N_(
    "The store of numbers does not answer. Visits go on being collected; try again in a moment."
)
REFUSED = N_("The store could not answer this question.")


def asker_for(
    site: Site, person_id: int | None, segment_id: int | None = None, *, funnels: bool = False
) -> Asker:
    """Prepare to ask about a site that may be seen; the segment is part of every question."""
    lock = (["is", "segment", [segment_id]],) if segment_id is not None else ()
    known = query_site_with_funnels if funnels else query_site
    return Asker(here().questions(), known(site, person_id), here().now(), lock)


def answer_or_trouble(asker: Asker, payload: dict[str, Any]) -> Result | str:
    """Ask one question; what went wrong is a sentence."""
    return told(lambda: asker.ask(payload))


def told[T](ask: Callable[[], T]) -> T | str:
    """Ask something; what went wrong is a sentence."""
    try:
        return ask()
    except StoreUnavailable as error:
        log.warning("request %s: the store is away: %s", request_id(), error)
        return _(AWAY)
    except QueryError as error:
        return error.message
    except StoreError:
        log.exception("request %s: the store refused a question", request_id())
        return _(REFUSED)


def current_or_none(asker: Asker) -> int | None:
    """Ask who is there now; None if the store does not say."""
    try:
        return current_visitors(asker.store, asker.site.id, asker.now)
    except (StoreUnavailable, StoreError, QueryError) as error:
        log.warning("request %s: no live count: %s", request_id(), error)
        return None
