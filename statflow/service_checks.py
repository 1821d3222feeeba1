"""What ``statflow doctor`` says of the services around the roles, and of settings that clash.

Each check returns what is right, or raises ``WrongError`` with what is wrong and what to do. It
only looks: Redis is asked for its state, the mail server for nothing but its greeting. What is said
is in the language of whoever asks: the portal's reader, on a terminal English.
"""

import smtplib
import stat
import time

from edge.buffer.beside import open_beside
from edge.buffer.keys import ShardKeys
from edge.buffer.opening import infos, time_ms
from edge.health_feed import read_health
from edge.sites import SHARDS
from portal.database import Database, DatabaseAwayError, revisions
from portal.install_assets import VENDOR
from portal.language import _, ngettext
from portal.mail import check_server
from portal.writing import number, size
from statflow.paths import Paths
from statflow.services import database_url, redis_url, running_store_url
from statflow.settings import Settings
from store.client import Store, StoreError, StoreUnavailable
from store.migrate import check_tables

MB = 1024 * 1024
FULL = 0.7
"""The share of Redis' memory from which edges spool."""
MANY_WAITING = 100_000
MOST_SKEW_S = 2.0
LITTLE_DISK_BYTES = 2 * 1024 * MB


class WrongError(Exception):
    """Something is wrong; the message says what, and what to do."""


def check_redis_room(settings: Settings, paths: Paths) -> str:
    """Look at the buffer's memory: past 70 % edges keep events on their own disks."""
    with open_beside(redis_url(settings, paths)) as redis:
        memories = infos(redis, "memory")
    rooms = [(int(memory["used_memory"]), int(memory["maxmemory"])) for memory in memories]
    used, most = max(rooms, key=lambda room: room[0] / (room[1] or 1 << 62))
    if most and used > FULL * most:
        raise WrongError(
            _(
                "%(used)s of %(most)s are used: edges keep events on their disks; see that a "
                "forwarder runs and ClickHouse answers, or raise maxmemory",
                used=size(used),
                most=size(most),
            )
        )
    if not most:
        return _("%(used)s used, without a limit", used=size(used))
    return _("%(used)s used of %(most)s", used=size(used), most=size(most))


def check_waiting(settings: Settings, paths: Paths) -> str:
    """Look at what waits to be stored, and whether anybody stores it."""
    with open_beside(redis_url(settings, paths)) as redis:
        keys = [ShardKeys.of(shard) for shard in range(SHARDS)]
        waiting = sum(int(redis.xlen(key.events)) for key in keys)
        owned = sum(int(redis.exists(key.lease)) for key in keys)
    said = ngettext(
        "%(count)s event waits to be stored",
        "%(count)s events wait to be stored",
        waiting,
        count=number(waiting),
    )
    if waiting and not owned:
        raise WrongError(_("%(said)s; no forwarder runs: start one", said=said))
    if waiting > MANY_WAITING:
        raise WrongError(_("%(said)s; see the forwarder's log", said=said))
    return said


def check_clocks(settings: Settings, paths: Paths) -> str:
    """Compare this machine's clock with that of Redis: a visit's day depends on it."""
    with open_beside(redis_url(settings, paths)) as redis:
        skew_s = abs(time.time() - time_ms(redis) / 1000)
    if skew_s > MOST_SKEW_S:
        raise WrongError(
            _(
                "this machine and Redis differ by %(skew)s s; let chrony or systemd-timesyncd set "
                "both clocks",
                skew=round(skew_s),
            )
        )
    return _("this machine and Redis agree")


def check_salt_place(settings: Settings, paths: Paths) -> str:
    """See that the salts are not in the Redis that writes everything to its disk."""
    if settings.salt_url and settings.salt_url == redis_url(settings, paths):
        raise WrongError(
            _(
                "STATFLOW_SALT_URL is the buffer's Redis, which writes to a disk: give the salts "
                "a Redis of their own that writes nothing (docs/containers.md has one)"
            )
        )
    return _("apart from the buffer")


def check_mail(settings: Settings, _paths: Paths) -> str:
    """Connect to the mail server, and see that links in mail lead somewhere."""
    if not settings.smtp_url:
        return _(
            "STATFLOW_SMTP_URL is not set: links are shown to who invites, reports go to chats"
        )
    if not settings.public_url:
        raise WrongError(
            _(
                "STATFLOW_PUBLIC_URL is not set: links in mail would lead to localhost; set it to "
                "the portal's address"
            )
        )
    try:
        check_server(settings.smtp_url)
    except (OSError, smtplib.SMTPException) as error:
        raise WrongError(
            _(
                "the mail server does not take us (%(error)s); check STATFLOW_SMTP_URL: host, "
                "port, smtp+starttls:// or smtps://, user and password",
                error=type(error).__name__,
            )
        ) from None
    return _("the mail server takes us")


def check_public_url(settings: Settings, _paths: Paths) -> str:
    """See that people reach the portal over TLS where it has a name."""
    url = settings.public_url
    if url.startswith("http://") and not url.startswith(("http://localhost", "http://127.")):
        raise WrongError(
            _(
                "STATFLOW_PUBLIC_URL is %(url)s: passwords travel in the clear; put TLS before "
                "the portal and write https://",
                url=url,
            )
        )
    return url or _("STATFLOW_PUBLIC_URL is not set: links say localhost")


def check_assets(_settings: Settings, _paths: Paths) -> str:
    """See that charts have their script."""
    if not any(VENDOR.glob("*.js")):
        raise WrongError(_("the portal's assets are missing: no charts; run `make install`"))
    return _("installed")


def check_edges(settings: Settings, paths: Paths) -> str:
    """See that an edge speaks to this buffer: every process says every two seconds how it fares."""
    url = redis_url(settings, paths)
    with open_beside(url) as redis:
        redis.ping()
    reports = read_health(url)
    if not reports:
        raise WrongError(
            _(
                "none has reported in the last 15 s: start one (`statflow edge`); one that runs "
                "has another STATFLOW_REDIS_URL, or its log says why it cannot report"
            )
        )
    versions = ", ".join(sorted({str(report["version"]) for report in reports}))
    return ngettext(
        "%(num)s process reports, of version %(versions)s",
        "%(num)s processes report, of version %(versions)s",
        len(reports),
        versions=versions,
    )


def check_store(settings: Settings, paths: Paths) -> str:
    """See that ClickHouse answers, and that its tables are those of this release."""
    store = _find_store(settings, paths)
    problems = check_tables(store)
    if problems:
        said = "; ".join(problems)
        raise WrongError(_("%(problems)s (run `statflow migrate`)", problems=said))
    ((version,),) = store.query("select version()")
    return _("ClickHouse %(version)s answers, schema up to date", version=version)


def check_store_room(settings: Settings, paths: Paths) -> str:
    """Look at ClickHouse's disk."""
    store = _find_store(settings, paths)
    free = min(int(row[0]) for row in store.query("select free_space from system.disks"))
    if free < LITTLE_DISK_BYTES:
        raise WrongError(
            _(
                "only %(free)s free on ClickHouse's disk: it stops to merge, then to store; free "
                "some, or move it to a larger disk",
                free=size(free),
            )
        )
    return _("%(free)s free on ClickHouse's disk", free=size(free))


def _find_store(settings: Settings, paths: Paths) -> Store:
    url = settings.clickhouse_url or running_store_url(paths)
    if not url:
        raise WrongError(
            _("ClickHouse does not answer; is `statflow up` running with this folder?")
        )
    store = Store(url)
    try:
        store.query("select 1")
    except StoreUnavailable:
        raise WrongError(
            _(
                "ClickHouse does not answer; does the one of STATFLOW_CLICKHOUSE_URL run, and is "
                "it reached from here?"
            )
        ) from None
    except StoreError as error:
        why = str(error).partition("\n")[0]
        raise WrongError(
            _("ClickHouse refuses us; see STATFLOW_CLICKHOUSE_URL: %(why)s", why=why)
        ) from None
    return store


def check_accounts(settings: Settings, paths: Paths) -> str:
    """See that the accounts database answers, and that its tables are those of this release."""
    database, known = Database(database_url(settings, paths), read_only=True), revisions()
    try:
        found = database.revision()
    except DatabaseAwayError as error:
        raise WrongError(_("%(error)s; see STATFLOW_DATABASE_URL", error=error)) from None
    finally:
        database.close()
    if found and found not in known:
        raise WrongError(_("the accounts database is of a newer release: install that one"))
    if found != known[-1]:
        raise WrongError(
            _(
                "the accounts database is at revision %(found)s, and this release needs "
                "%(needed)s: run `statflow migrate`",
                found=found or _("none"),
                needed=known[-1],
            )
        )
    return _("the accounts database answers, schema up to date")


def check_secret_files(_settings: Settings, paths: Paths) -> str:
    """See that nobody else reads the secrets of the data folder."""
    files = (paths.secret_key, paths.store_secret, paths.store_json, paths.accounts)
    others = stat.S_IRWXG | stat.S_IRWXO
    closed = not paths.data.stat().st_mode & others
    open_files = [f.name for f in files if f.exists() and f.stat().st_mode & others]
    if open_files and not closed:
        raise WrongError(
            _(
                "others on this machine may read %(files)s: chmod 700 %(folder)s",
                files=", ".join(open_files),
                folder=paths.data,
            )
        )
    return _("readable by their owner alone")
