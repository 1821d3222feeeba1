"""The portal role: serve the web application, and keep the published sites true to the database."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from edge.buffer.accounts import read_account
from edge.buffer.beside import BufferAwayError, open_beside
from edge.buffer.tries import SharedTries
from edge.collector.client_ip import forwarded_for, parse_networks
from edge.forwarder.asking import send_erasure
from edge.health_feed import read_health
from edge.inject.decide import REASONS
from edge.outcomes import REASONS as DROP_REASONS
from portal.accounts.oidc import GroupRole, SingleSignOn
from portal.app import create_app
from portal.config import PortalConfig
from portal.data.certificates import Signer
from portal.data.requests import Chosen
from portal.database import Database
from portal.mail import SendMail, smtp_sender
from portal.models import Role
from portal.pictures.known import forget_outdated
from portal.serve import serve
from portal.sites.retention import Outdated, end_round, forget_changes, is_round_due, outdated
from portal.teams.members import end_due_teams, has_due_teams
from statflow.accounts import open_accounts, open_to_read, publish_sites, send
from statflow.archiving import archive_site
from statflow.collector_client import CollectorClient
from statflow.erasing import as_erasure, certify, count_chosen, send_due
from statflow.explaining import Explainer
from statflow.exporting import stream_events
from statflow.installation import operations
from statflow.paths import Paths
from statflow.picturing import EdgePictures
from statflow.private_thread import PrivateThread
from statflow.role_reports import (
    check_services,
    keep_reporting,
    mail_sender,
    refuse_other_release,
    ways_out,
)
from statflow.scripts import SiteScripts
from statflow.services import database_url, redis_url, secret_key, store_url
from statflow.settings import PREFIX, Settings, SettingsError
from statflow.uploading import Uploads
from statflow.upstream_problem import UpstreamProblem
from statflow.verifying import Verifier
from store.client import Store, StoreError, StoreUnavailable

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PUBLISH_CHECK_S = 1.0
log = logging.getLogger(__name__)


def serve_portal(  # noqa: PLR0913 - one argument an option of the command
    settings: Settings,
    paths: Paths,
    *,
    bind: str,
    port: int,
    private_port: int | None,
    private_socket: Path | None,
    threads: int,
    reports: bool,
) -> None:
    """Serve the portal until it is stopped, and keep the published sites true to the database.

    With ``reports`` it also takes part in sending reports and alerts. One that is read-only does
    nothing of that: it shows.
    """
    stop = threading.Event()
    opened = open_to_read if settings.read_only else open_accounts
    with opened(settings, paths) as database:
        config = portal_config(settings, paths, port)
        refuse_other_release(config.store)
        app = create_app(config)
        keepers = []
        if not settings.read_only:
            kept = (settings, paths, database, config.store, stop)
            keepers.append(threading.Thread(target=_keep_published, args=kept, daemon=True))
            uploads = Uploads(paths, database)
            keepers.append(threading.Thread(target=uploads.keep, args=(stop,), daemon=True))
        if reports and not settings.read_only:
            told = (settings, paths, database, config.public_url, stop)
            keepers.append(threading.Thread(target=keep_reporting, args=told, daemon=True))
        for keeper in keepers:
            keeper.start()
        private = PrivateThread(partial(check_services, database, config.store))
        private.start(settings.private_bind, private_port, private_socket)
        try:
            serve(app, bind, port, threads, settings.upload_bytes)
        finally:
            private.stop()
            stop.set()
            for keeper in keepers:
                keeper.join(timeout=5)


def portal_config(settings: Settings, paths: Paths, port: int) -> PortalConfig:
    """Build the portal's surroundings."""
    public_url = settings.public_url or f"http://localhost:{port}"
    store = Store(store_url(settings, paths))
    return PortalConfig(
        database_url=database_url(settings, paths),
        secret_key=secret_key(settings, paths),
        store=store,
        publish=partial(send, settings, paths),
        account=partial(read_account, redis_url(settings, paths)),
        drop_reasons={str(row.reason): row.meaning for row in DROP_REASONS},
        scripts=SiteScripts(settings.edge_host),
        collect=CollectorClient(paths.private_socket("edge"), settings.collector_url),
        edge_health=partial(read_health, redis_url(settings, paths)),
        edge_reasons={str(row.reason): row.meaning for row in REASONS},
        explain=Explainer(settings),
        verify=lambda site, on, admin: Verifier(settings, paths, for_operator=admin)(
            site, injection=on
        ),
        operations=operations(settings, paths),
        tries=SharedTries(redis_url(settings, paths), secret_key(settings, paths)),
        client_address=partial(forwarded_for, trusted=parse_networks(settings.trusted_proxies)),
        count_chosen=partial(count_chosen, store),
        download=partial(stream_events, store),
        public_url=public_url,
        send_mail=_mail(settings, public_url),
        open_signup=settings.signup == "open",
        upstream_problem=UpstreamProblem(settings.upstream_ranges),
        own_hosts=_own_hosts(settings),
        trusted_hosts=_trusted_hosts(settings),
        uploads=paths.uploads,
        upload_bytes=settings.upload_bytes,
        gallery=settings.debug,
        sso=_single_sign_on(settings),
        ways=ways_out(settings, paths, public_url),
        read_only=settings.read_only,
        pictures=EdgePictures(settings, paths).ways(),
    )


def _single_sign_on(settings: Settings) -> SingleSignOn | None:
    """Build what the portal knows of the provider, if one is set.

    Raises:
        SettingsError: Half of it is set.
    """
    if not settings.oidc_issuer and not settings.oidc_only:
        return None
    for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "PUBLIC_URL"):
        if not getattr(settings, name.lower()):
            raise SettingsError(f"{PREFIX}{name} is needed for single sign-on")
    return SingleSignOn(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        name=settings.oidc_name,
        groups_claim=settings.oidc_groups_claim,
        roles=tuple(
            GroupRole(group, team, Role(role)) for group, team, role in settings.oidc_roles
        ),
        only=settings.oidc_only,
    )


def _own_hosts(settings: Settings) -> frozenset[str]:
    """List the names of the installation itself, which no team may give to a site."""
    addresses = (settings.public_url, settings.edge_host)
    return frozenset(host for url in addresses if (host := urlsplit(url).hostname))


def _trusted_hosts(settings: Settings) -> tuple[str, ...]:
    """List the hosts under which the portal answers, once its operator has said where it is."""
    host = urlsplit(settings.public_url).hostname
    return (host, *LOOPBACK_NAMES) if host else ()


def _mail(settings: Settings, public_url: str) -> SendMail | None:
    """Build what sends mail, if a server is set."""
    if not settings.smtp_url:
        return None
    return smtp_sender(settings.smtp_url, mail_sender(settings, public_url))


def _keep_published(
    settings: Settings, paths: Paths, database: Database, store: Store, stop: threading.Event
) -> None:
    """Publish again whenever Redis and the database differ: after an outage, a race, a restore.

    What is to be erased is asked for here as well, and certified once it is done.
    """
    said, signer = "", Signer(secret_key(settings, paths))
    while not stop.wait(PUBLISH_CHECK_S):
        try:
            _end_teams(database)
            problem = publish_sites(settings, paths, database)
        except Exception:
            log.exception("the sites could not be published")
            problem = said
        if problem and problem != said:
            log.warning("sites: %s", problem)
        said = problem
        try:
            now = datetime.now(UTC)
            send_due(redis_url(settings, paths), database, now)
            keep_retention(
                redis_url(settings, paths),
                database,
                settings.audit_days,
                now,
                partial(archive_outdated, settings, store),
            )
            certify(store, database, signer)
        except (BufferAwayError, StoreUnavailable):
            pass  # It is asked for again, and others say that Redis or the store is away.
        except Exception:
            log.exception("numbers that are to go could not be erased")


def archive_outdated(settings: Settings, store: Store, old: Outdated) -> bool:
    """Write what is about to go of a site as sums that name nobody, if the operator keeps them.

    False: it could not be written, and the numbers must stay for another day.
    """
    if settings.archive_dir is None:
        return True
    folder = settings.archive_dir / str(old.site_id)
    last = (old.before - timedelta(days=1)).date()
    try:
        archive_site(store, old.site_id, last, folder, settings.archive_k)
    except (OSError, StoreError, StoreUnavailable):
        log.exception("days of site %d could not be archived, so they stay", old.site_id)
        return False
    return True


def keep_retention(
    buffer_url: str,
    database: Database,
    audit_days: int,
    now: datetime,
    archive: Callable[[Outdated], bool] = lambda _: True,
) -> None:
    """Once a day, ask for the erasure of what sites no longer keep; forget old changes, pictures.

    Several portals may both ask: to erase twice finds nothing the second time. ``archive`` is
    called for each site before, and where it gives False the site waits for the next day.

    Raises:
        BufferAwayError: Redis is away; it is asked for again.
    """
    with database.reading() as session:
        if not is_round_due(session, now):
            return
        due = outdated(session, now)
    for old in filter(archive, due):
        older = Chosen(before_ms=round(old.before.timestamp() * 1000))
        with open_beside(buffer_url) as redis:
            send_erasure(redis, as_erasure(old.site_id, older, old.zone, now))
    with database.writing() as session:
        forget_changes(session, now, audit_days)
        forget_outdated(session, now)
        end_round(session, now)


def _end_teams(database: Database) -> None:
    """End the teams whose waiting period is over; asked for reading first, as it is seldom so."""
    now = datetime.now(UTC)
    with database.reading() as session:
        if not has_due_teams(session, now):
            return
    with database.writing() as session:
        ended = end_due_teams(session, now)
    log.info("teams that waited for their end are gone: %d", len(ended))
