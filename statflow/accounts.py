"""Accounts and sites as the commands use them: open the database, publish the sites.

Here portal and edge meet without knowing each other: the portal says what the sites are, the edge's
feed takes them.
"""

import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edge.sites_feed import PublishError, publish_snapshot
from portal.commands import ensure_default_team
from portal.database import Database, revisions
from portal.sites.payload import Publication, publication
from statflow import __version__
from statflow.paths import Paths
from statflow.services import database_url, redis_url, secret_key
from statflow.settings import Settings, SettingsError


@contextmanager
def open_accounts(settings: Settings, paths: Paths) -> Iterator[Database]:
    """Open the accounts database at the newest schema, with its Default team."""
    database = Database(database_url(settings, paths))
    try:
        database.migrate()
        with database.writing() as session:
            ensure_default_team(session)
        yield database
    finally:
        database.close()


@contextmanager
def open_to_read(settings: Settings, paths: Paths) -> Iterator[Database]:
    """Open the accounts database, or a replica of it, without changing anything.

    Raises:
        SettingsError: Its tables are not those of this release.
        DatabaseAwayError: It does not answer.
    """
    database = Database(database_url(settings, paths), read_only=True)
    try:
        found, wanted = database.revision(), revisions()[-1]
        if found != wanted:
            raise SettingsError(
                f"STATFLOW_READ_ONLY: the accounts database is at revision {found or 'none'}, and "
                f"this release needs {wanted}: start the main portal of this release first"
            )
        yield database
    finally:
        database.close()


def publish_sites(settings: Settings, paths: Paths, database: Database) -> str:
    """Publish the sites to the edges; return what is wrong in words, or the empty string."""
    with database.reading() as session:
        told = publication(session)
    try:
        send(settings, paths, told)
    except PublishError as error:
        return f"saved, but not yet sent to the edge: {error}; it follows when Redis is back"
    return ""


def load_key(secret: str, site_id: int) -> str:
    """Derive the key of a site's load ids, which every edge must know and nobody else."""
    return hmac.digest(secret.encode(), b"load:%d" % site_id, "sha256").hex()


def send(settings: Settings, paths: Paths, told: Publication) -> None:
    """Send the edges what they are to be told.

    Raises:
        SnapshotError: An edge would refuse it.
        PublishError: Redis is away.
    """
    secret = secret_key(settings, paths)
    publish_snapshot(
        redis_url(settings, paths),
        [{**site, "load_key": load_key(secret, site["id"])} for site in told.sites],
        time.time_ns() // 1_000_000,
        injection=told.injection,
        release=__version__,
    )
