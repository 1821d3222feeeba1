"""Composition: build each role out of settings, paths and services, and run it.

The only place where portal and edge meet: the portal is given a function that publishes its sites,
the edge the tracker's frozen build, and neither learns of the other.
"""

import json
import logging
import os
import threading
import time
from typing import Any

from edge.sites_feed import PublishError, publish_snapshot, write_atomically
from portal.app import create_app
from portal.commands import ensure_default_team, sites_payload
from portal.config import PortalConfig
from portal.database import Database
from portal.serve import serve as serve_wsgi
from statflow.paths import Paths
from statflow.services import (
    database_url,
    redis_url,
    secret_key,
    store_secret,
    store_url,
)
from statflow.settings import Settings
from store.client import Store

PUBLISH_CHECK_S = 1.0
log = logging.getLogger(__name__)


def open_accounts(settings: Settings, paths: Paths) -> Database:
    """Open the accounts database at the newest schema, with its Default team."""
    database = Database(database_url(settings, paths))
    database.migrate()
    with database.writing() as session:
        ensure_default_team(session)
    return database


def publish_sites(settings: Settings, paths: Paths, database: Database) -> str:
    """Publish the sites to the edges; return what is wrong in words, or the empty string."""
    with database.reading() as session:
        sites = sites_payload(session)
    try:
        publish_snapshot(redis_url(settings, paths), sites, time.time_ns() // 1_000_000)
    except PublishError as error:
        return f"saved, but not yet sent to the edge: {error}; it follows when Redis is back"
    return ""


def serve_portal(settings: Settings, paths: Paths, *, bind: str, port: int, threads: int) -> None:
    """Serve the portal until it is stopped, and keep the published sites true to the database."""
    database = open_accounts(settings, paths)
    app = create_app(portal_config(settings, paths, port))
    stop = threading.Event()
    keeper = threading.Thread(
        target=_keep_published, args=(settings, paths, database, stop), daemon=True
    )
    keeper.start()
    try:
        serve_wsgi(app, bind, port, threads)
    finally:
        stop.set()
        keeper.join(timeout=5)


def portal_config(settings: Settings, paths: Paths, port: int) -> PortalConfig:
    """Build the portal's surroundings."""

    def publish(sites: list[dict[str, Any]]) -> None:
        publish_snapshot(redis_url(settings, paths), sites, time.time_ns() // 1_000_000)

    return PortalConfig(
        database_url=database_url(settings, paths),
        secret_key=secret_key(settings, paths),
        store=Store(store_url(settings, paths)),
        publish=publish,
        public_url=settings.public_url or f"http://localhost:{port}",
    )


def _keep_published(
    settings: Settings, paths: Paths, database: Database, stop: threading.Event
) -> None:
    """Publish again whenever Redis and the database differ: after an outage, a race, a restore."""
    said = ""
    while not stop.wait(PUBLISH_CHECK_S):
        try:
            problem = publish_sites(settings, paths, database)
        except Exception:
            log.exception("the sites could not be published")
            problem = said
        if problem and problem != said:
            log.warning("sites: %s", problem)
        said = problem


def serve_store(paths: Paths, port: int) -> None:
    """Open the embedded engine and serve it until SIGTERM; leave its address in the data folder."""
    from store.embedded import serve  # noqa: PLC0415 - chdb is loaded by this process alone

    secret = store_secret(paths)

    def announce(bound: int) -> None:
        url = f"http://statflow:{secret}@127.0.0.1:{bound}/statflow"
        write_atomically(paths.store_json, json.dumps({"url": url, "pid": os.getpid()}).encode())
        paths.store_json.chmod(0o600)

    serve(paths.store_folder, port=port, secret=secret, ready=announce)
