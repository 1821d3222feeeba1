"""What a page of figures is asked for, and its answers: those that the API gives to the same.

The URL says the period, the class of windows, one page; a question that fails becomes a sentence.
The one invariant: every number that these pages show is a value of such an answer.
"""

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import request

from portal.accounts.signin import me
from portal.api.behaviour import BY_NAME
from portal.config import here
from portal.dashboard.asking import AWAY, REFUSED
from portal.dashboard.periods import Choice, Days, days_of
from portal.models import Site
from portal.security import request_id
from portal.sessions import end_reading, reading
from portal.sites.access import query_site, site_or_stop
from portal.teams.rights import Right, sites_with
from store.client import StoreError, StoreUnavailable
from store.query.behaviour.questions import WIDTH_CLASSES
from store.query.model import QueryError, QuerySite
from store.query.parse import parse_query
from store.query.run import run_query

log = logging.getLogger(__name__)

PERIODS = (
    Choice("day", "Today"),
    Choice("7d", "7 days"),
    Choice("28d", "28 days"),
    Choice("91d", "91 days"),
)
_USUAL = "28d"
_LONGEST_PATH = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One view of a site: whose, when, of which windows, of which page."""

    site: Site
    query_site: QuerySite
    period: str
    days: Days
    width: str
    page: str
    may_edit: bool

    def url(self, **changes: str) -> str:
        """Write the query part of a URL that differs by some choices."""
        chosen = {"period": self.period, "width": self.width, "page": self.page} | changes
        kept = {k: v for k, v in chosen.items() if v and (k, v) != ("period", _USUAL)}
        return f"?{urlencode(kept)}"

    @property
    def date_range(self) -> list[str]:
        """Return the days as the API takes them."""
        return [self.days.first.isoformat(), self.days.last.isoformat()]

    @property
    def filters(self) -> list[Any]:
        """Return the page as a filter."""
        return [["is", "event:page", [self.page]]] if self.page else []

    def query(self, metrics: list[str], **body: Any) -> dict[str, Any] | str:
        """Ask as ``POST /api/v2/query`` would be; trouble is a sentence."""
        body = {"metrics": metrics, "date_range": self.date_range, "filters": self.filters, **body}
        return self._answered(lambda: _query(body, self.query_site))

    def signals(self, name: str, **body: Any) -> dict[str, Any] | str:
        """Ask as ``POST /api/v2/<name>`` would be; trouble is a sentence."""
        body = {"date_range": self.date_range, "filters": self.filters, **body}
        if self.width:
            body["width"] = self.width
        return self._answered(
            lambda: BY_NAME[name].ask(here().questions(), body, self.query_site, here().now())
        )

    def _answered(self, ask: Any) -> dict[str, Any] | str:
        try:
            found: dict[str, Any] = ask()
        except StoreUnavailable as error:
            log.warning("request %s: the store is away: %s", request_id(), error)
            return AWAY
        except QueryError as error:
            return error.message
        except StoreError:
            log.exception("request %s: the store refused a question", request_id())
            return REFUSED
        return found


def _query(body: dict[str, Any], site: QuerySite) -> dict[str, Any]:
    result = run_query(here().questions(), parse_query(body, site), site, here().now())
    return {"results": result.results, "meta": result.meta, "query": result.query}


def read_asked(host: str) -> Asked:
    """Find the site, if it is the person's, and read what the URL says; lets the database go."""
    site = site_or_stop(host)
    today = here().now().astimezone(ZoneInfo(site.timezone)).date()
    period = _chosen("period", [choice.name for choice in PERIODS], _USUAL)
    asked = Asked(
        site,
        query_site(site, me().id),
        period,
        days_of(period, today),
        _chosen("width", list(WIDTH_CLASSES), ""),
        request.args.get("page", "").replace("\0", "")[:_LONGEST_PATH],
        site.id in {other.id for other in sites_with(reading(), me().id, Right.EDIT_SITE)},
    )
    end_reading()
    return asked


def _chosen(name: str, known: list[str], otherwise: str) -> str:
    value = request.args.get(name, otherwise)
    return value if value in known else otherwise


def chosen(name: str, known: list[str]) -> str:
    """Read a choice of the URL; the first is the usual one."""
    return _chosen(name, known, known[0])
