"""Look at what is watched, and raise an alert where there is trouble that was not told already.

An alert that was raised sleeps for its quiet hours, whatever the trouble does meanwhile. The one
invariant: raising and putting the messages into the outbox is one transaction, so that a crash
leaves both or neither.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from portal.alerts.kinds import KINDS, Kind, Measured
from portal.audit.recording import UNAUDITED
from portal.dashboard.questions import Asker
from portal.database import Database
from portal.language import _, speaking, spoken
from portal.messages.message import Message, Topic
from portal.messages.outbox import put
from portal.messages.recipients import by_language, recipients_of
from portal.models import AlertRule, Recipient, Site
from store.client import StoreUnavailable

log = logging.getLogger(__name__)

type AskerFor = Callable[[Session, Site, datetime], Asker]


class Watch:
    """Looks at each rule as often as its kind asks; remembers in memory when it looked last."""

    def __init__(self, database: Database, asker_for: AskerFor) -> None:
        self._database = database
        self._asker_for = asker_for
        self._next: dict[int, datetime] = {}

    def look(self, now: datetime) -> int:
        """Look at every rule whose time has come; returns how many alerts were raised.

        Raises:
            StoreUnavailable: The store does not answer; the rules left are looked at next time.
        """
        with self._database.reading() as session:
            rules = self._awake(session, now)
        return sum(self._look_at(rule_id, now) for rule_id in rules)

    def _awake(self, session: Session, now: datetime) -> list[int]:
        told = select(Recipient.site_id).distinct()
        query = select(AlertRule).where(AlertRule.site_id.in_(told)).order_by(AlertRule.id)
        rules = list(session.scalars(query))
        self._next = {rule.id: self._next.get(rule.id, now) for rule in rules}
        return [
            rule.id
            for rule in rules
            if self._next[rule.id] <= now and rule.kind in KINDS and not is_quiet(rule, now)
        ]

    def _look_at(self, rule_id: int, now: datetime) -> bool:
        with self._database.reading() as session:
            rule = session.get(AlertRule, rule_id)
            if rule is None:
                return False
            site = session.get_one(Site, rule.site_id)
            asker = self._asker_for(session, site, now)
            kind, goal, threshold = KINDS[rule.kind], rule.goal, rule.threshold
        self._next[rule_id] = now + timedelta(seconds=kind.every_s)
        try:
            found = kind.measure(asker, goal)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("site %s: %s could not be measured", asker.site.id, kind.name)
            return False
        if found is None or not kind.is_trouble(found.value, threshold):
            return False

        def write() -> Message:
            return write_alert(kind, found, asker.site.host, threshold, goal)

        return self._raise(rule_id, write, now)

    def _raise(self, rule_id: int, write: Callable[[], Message], now: datetime) -> bool:
        with self._database.writing() as session:
            rule = session.get(AlertRule, rule_id)
            told = recipients_of(session, rule.site_id, Topic.ALERTS) if rule is not None else []
            if rule is None or not told:
                return False
            quiet = now - timedelta(hours=rule.quiet_h)
            awake = or_(AlertRule.raised_at.is_(None), AlertRule.raised_at <= quiet)
            raised = session.execute(
                update(AlertRule).where(AlertRule.id == rule_id, awake).values(raised_at=now),
                execution_options=UNAUDITED,
            )
            if not cast("CursorResult[Any]", raised).rowcount:
                return False
            key = f"alert-{rule_id}-{int(now.timestamp())}"
            for language, recipients in by_language(told).items():
                with speaking(language):
                    put(session, key, write(), recipients, now)
            return True


def is_quiet(rule: AlertRule, now: datetime) -> bool:
    """Tell whether a rule was raised so lately that it is not raised again."""
    return rule.raised_at is not None and now - rule.raised_at < timedelta(hours=rule.quiet_h)


def write_alert(
    kind: Kind, found: Measured, host: str, threshold: float, goal: str = ""
) -> Message:
    """Write an alert."""
    title = f"{host}: {_(kind.title).lower()}" + (f" ({goal})" if goal else "")
    return Message(
        topic=Topic.ALERTS,
        site=host,
        title=title,
        text=_(
            "%(said)s You asked to be told %(limit)s.",
            said=found.say(),
            limit=kind.limit(threshold),
        ),
        path=f"/sites/{host}?period=day",
        data={
            "alert": kind.name,
            "value": round(found.value, 2),
            "threshold": threshold,
            "goal": goal,
        },
        language=spoken(),
    )
