"""A real installation raises an alert by itself, once, also when its portal is killed then."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from portal.database import Database
from portal.messages.outbox import State, sent_lately
from portal.messages.recipients import Kind, Wanted, add_recipient
from portal.models import AlertRule, Site
from tests.support.receiver import running_receiver
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 90


def wait_until(true: Callable[[], bool], stack: Stack) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, stack.log.read_text()[-3000:]
        time.sleep(0.2)


def test_an_alert_is_raised_and_posted_once() -> None:
    stack = Stack(environment={"STATFLOW_WEBHOOK_RANGES": "loopback"})
    with running_receiver() as receiver:
        try:
            stack.start()
            added = stack.run("site", "add", "one.example", "--upstream", "http://127.0.0.1:1")
            site_id = json.loads(added)["id"]
            database = Database(f"sqlite:///{stack.data / 'accounts.sqlite3'}")
            now = datetime.now(UTC)
            with database.writing() as session:
                site = session.get_one(Site, site_id)
                wanted = Wanted(Kind.WEBHOOK, receiver.url(), "", ("alerts",))
                add_recipient(session, site, wanted, now, lambda _: "")
                # Nobody at all is as many as was asked for.
                rule = AlertRule(site_id=site_id, kind="spike", threshold=0, quiet_h=1)
                rule.created_at = now
                session.add(rule)

            def state() -> str:
                with database.reading() as session:
                    rows = sent_lately(session, site_id)
                    return rows[0].state if rows else ""

            wait_until(lambda: state() == State.SENT, stack)
            told = json.loads(receiver.received[0].body)
            assert told["title"] == "one.example: many visitors"
            assert told["data"]["alert"] == "spike"
            killed = stack.kill_part("portal")
            wait_until(lambda: stack.has_restarted("portal", killed), stack)
            # One round of the new process, which looks at every rule again.
            time.sleep(5)
            assert len(receiver.received) == 1
            database.close()
        finally:
            stack.remove()
