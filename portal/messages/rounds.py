"""One round of what sends reports and alerts: be the only one, see what is due, send it.

``statflow`` runs rounds in a thread of each portal, or as a process of its own (``statflow
reports``); whoever holds the lease works, the others wait. The one invariant: whatever a site's
report or alert runs into, the other sites' go out.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zoneinfo import ZoneInfo

from prometheus_client import Counter, Gauge
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.alerts.watch import Watch
from portal.dashboard.questions import Asker
from portal.database import Database
from portal.goals.known import goals_of
from portal.language import speaking
from portal.messages.message import Topic
from portal.messages.outbox import count_waiting, due_now, hold_lease, let_go, put, tidy
from portal.messages.recipients import by_language, recipients_of
from portal.messages.ways import Ways, deliver
from portal.models import Delivery, Recipient, Site
from portal.reports.digest import write_digest
from portal.reports.schedule import Due, report_due
from store.client import Store, StoreUnavailable
from store.query.model import QuerySite

_SENT = Counter(
    "statflow_messages_total", "Reports, alerts and tests by what became of a try.", ["state"]
)
_WAITING = Gauge("statflow_messages_waiting", "Messages that wait to be sent or tried again.")
_LEADS = Gauge("statflow_messages_leader", "1 where this process sends reports and alerts.")
_ROUND = Gauge("statflow_messages_round_timestamp_seconds", "When the last round ended.")
_RAISED = Counter("statflow_alerts_raised_total", "Alerts of sites that were raised.")
AT_ONCE = 8
"""Messages that are under way together, so that a slow other side holds up few."""
A_ROUND = 200
REPORTS = (Topic.WEEKLY, Topic.MONTHLY)
log = logging.getLogger(__name__)


class Rounds:
    """What one process does, round after round; ``owner`` tells it from the others."""

    def __init__(
        self,
        database: Database,
        store: Store,
        ways: Ways,
        owner: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._store = store
        self._ways = ways
        self._owner = owner
        self._now = now
        self._watch = Watch(database, self._asker)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="send")

    def run(self) -> bool:
        """Do one round; False while another process holds the lease."""
        leads = hold_lease(self._database, self._owner, self._now())
        _LEADS.set(leads)
        if not leads:
            return False
        tidy(self._database, self._now())
        try:
            self._put_reports()
            _RAISED.inc(self._watch.look(self._now()))
        except StoreUnavailable as error:
            log.warning("reports and alerts wait: the store is away (%s)", error)
        self._send()
        _ROUND.set_to_current_time()
        return True

    def close(self) -> None:
        """Wait for what is under way, and let another process take over at once."""
        self._pool.shutdown()
        let_go(self._database, self._owner)

    def _asker(self, session: Session, site: Site, now: datetime) -> Asker:
        asked = QuerySite(
            id=site.id,
            host=site.host,
            timezone=site.timezone,
            salt_period=site.salt_period,
            goals=goals_of(session, site),
        )
        return Asker(self._store, asked, now)

    def _put_reports(self) -> None:
        with self._database.reading() as session:
            ids = list(session.scalars(select(Recipient.site_id).distinct()))
        for site_id in ids:
            try:
                self._put_reports_of(site_id)
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("site %s: a report could not be written", site_id)

    def _put_reports_of(self, site_id: int) -> None:
        now = self._now()
        with self._database.reading() as session:
            site = session.get(Site, site_id)
            if site is None:
                return
            zone = ZoneInfo(site.timezone)
            found = [due for topic in REPORTS if (due := report_due(topic, zone, now))]
            lacking = [due for due in found if _lacking(session, site_id, due)]
            asker = self._asker(session, site, now)
        for due in lacking:
            with self._database.reading() as session:
                languages = list(by_language(_lacking(session, site_id, due)))
            for language in languages:
                with speaking(language):
                    message = write_digest(asker, due)
                with self._database.writing() as session:
                    told = by_language(_lacking(session, site_id, due)).get(language, [])
                    put(session, due.key, message, told, now)

    def _send(self) -> None:
        """Send what is due, several at once, until nothing is or the round is long enough."""
        with self._database.reading() as session:
            ids = due_now(session, self._now(), A_ROUND)
            _WAITING.set(count_waiting(session))
        for begin in range(0, len(ids), AT_ONCE):
            hold_lease(self._database, self._owner, self._now())
            self._together(ids[begin : begin + AT_ONCE])

    def _together(self, ids: Iterable[int]) -> None:
        def one(delivery_id: int) -> None:
            try:
                state = deliver(self._database, self._ways, delivery_id, self._now)
                if state is not None:
                    _SENT.labels(state.value).inc()
            except Exception:
                log.exception("message %s was interrupted", delivery_id)

        list(self._pool.map(one, ids))


def _lacking(session: Session, site_id: int, found: Due) -> list[Recipient]:
    """List who asked for a report before it was due and has not got it."""
    have = set(
        session.scalars(
            select(Delivery.recipient_id).where(
                Delivery.site_id == site_id, Delivery.message == found.key
            )
        )
    )
    return [
        recipient
        for recipient in recipients_of(session, site_id, found.topic)
        if recipient.created_at < found.since and recipient.id not in have
    ]
