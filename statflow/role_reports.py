"""The reports role: rounds of reports and alerts, in a thread of each portal or as a process.

What a round does, and that only one process does it, is ``portal.messages.rounds``. The one
invariant: a round that fails is followed by the next.
"""

import contextlib
import logging
import secrets
import signal
import socket
import threading
from datetime import UTC, datetime
from functools import partial
from queue import SimpleQueue
from urllib.parse import urlsplit

from portal.database import Database
from portal.health import answers
from portal.mail import smtp_poster
from portal.messages.post import Poster
from portal.messages.rounds import Rounds
from portal.messages.unsubscribe import Unsubscriber
from portal.messages.ways import Ways
from statflow.accounts import open_accounts
from statflow.paths import Paths
from statflow.private_thread import PrivateThread
from statflow.reach import reach_checker
from statflow.services import secret_key, store_url
from statflow.settings import Settings
from store.client import Store, StoreUnavailable
from store.migrate import require_tables

ROUND_S = 15.0
log = logging.getLogger(__name__)


def ways_out(settings: Settings, paths: Paths, public_url: str) -> Ways:
    """Build what reports and alerts are sent with."""
    mail = None
    if settings.smtp_url:
        mail = smtp_poster(settings.smtp_url, mail_sender(settings, public_url))
    return Ways(
        base=public_url,
        poster=Poster(reach_checker(settings.webhook_ranges)),
        unsubscriber=Unsubscriber(secret_key(settings, paths), public_url),
        mail=mail,
    )


def mail_sender(settings: Settings, public_url: str) -> str:
    """Name the sender of mail: the setting, else one at the portal's host."""
    return settings.mail_from or f"statflow@{urlsplit(public_url).hostname or 'localhost'}"


def serve_reports(settings: Settings, paths: Paths, private_port: int | None) -> None:
    """Do rounds until SIGTERM or SIGINT."""
    stop = _stop_on_signals()
    public_url = settings.public_url or "http://localhost:8000"
    with open_accounts(settings, paths) as database:
        store = Store(store_url(settings, paths))
        refuse_other_release(store)
        private = PrivateThread(partial(check_services, database, store))
        private.start(settings.private_bind, private_port, None)
        keep_reporting(settings, paths, database, public_url, stop)


def _stop_on_signals() -> threading.Event:
    """Make an event that SIGTERM and SIGINT set, by way of a thread.

    A handler may run while the waiting thread holds the event's own lock; a ``SimpleQueue`` may be
    put into at any moment.
    """
    stop = threading.Event()
    asked: SimpleQueue[int] = SimpleQueue()

    def wait() -> None:
        asked.get()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda number, _: asked.put(number))
    return stop


def refuse_other_release(store: Store) -> None:
    """Refuse a store whose tables are not those of this release; one that is away may be.

    Raises:
        MigrationError: They are older, newer, or not there.
    """
    with contextlib.suppress(StoreUnavailable):
        require_tables(store)


def check_services(database: Database, store: Store) -> dict[str, str]:
    """Say which of the services does not answer."""
    pings = {"database": database.ping, "store": store.ping}
    return {name: "" if answers(ping) else "does not answer" for name, ping in pings.items()}


def keep_reporting(
    settings: Settings, paths: Paths, database: Database, public_url: str, stop: threading.Event
) -> None:
    """Do a round every ``ROUND_S`` until stopped."""
    rounds = Rounds(
        database,
        Store(store_url(settings, paths)),
        ways_out(settings, paths, public_url),
        f"{socket.gethostname()[:32]}-{secrets.token_hex(8)}",
        lambda: datetime.now(UTC),
    )
    try:
        while not stop.is_set():
            try:
                rounds.run()
            except Exception:
                log.exception("a round of reports and alerts failed")
            stop.wait(ROUND_S)
    finally:
        rounds.close()
