"""What the portal's administrators are shown of all parts: put together here, shown there.

The one invariant: secrets are named and never written.
"""

import platform
import time
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from edge.buffer.beside import open_beside
from edge.buffer.opening import infos
from edge.buffer.queues import read_queues
from edge.health_feed import read_health
from portal.admin.operations import Health, Operations, Queue, Queues, SettingShown
from portal.database import revisions
from statflow import __version__
from statflow.doctor import examine
from statflow.paths import Paths
from statflow.services import redis_url, store_url
from statflow.settings import PREFIX, SETTINGS, Settings
from store.client import Store, StoreError, StoreUnavailable
from tracker import newest_build

_AWAY = "does not answer"


def operations(settings: Settings, paths: Paths) -> Operations:
    """Give what each of the administrators' pages asks for."""
    return Operations(
        examine=partial(_examine, settings, paths),
        queues=partial(_queues, settings, paths),
        versions=partial(_versions, settings, paths),
        settings=partial(_settings, settings),
    )


def _examine(settings: Settings, paths: Paths) -> list[Health]:
    return [Health(found.part, found.good, found.said) for found in examine(settings, paths)]


def _queues(settings: Settings, paths: Paths) -> Queues:
    with open_beside(redis_url(settings, paths)) as redis:
        found = read_queues(redis)
    now_ms = time.time_ns() // 1_000_000
    shards = tuple(
        Queue(
            shard=queue.shard,
            waiting=queue.waiting,
            lag_s=None if queue.oldest_ms is None else max(0, now_ms - queue.oldest_ms) / 1000,
            dead_letters=queue.dead_letters,
            hits=queue.hits,
            writer=queue.writer,
        )
        for queue in found
    )
    return Queues(shards, _size_bytes(settings.spool_dir or paths.spool))


def _size_bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*.spool") if folder.is_dir() else ():
        try:
            total += file.stat().st_size
        except OSError:
            continue  # It was sent just now.
    return total


def _versions(settings: Settings, paths: Paths) -> list[tuple[str, str]]:
    return [
        ("Statflow", __version__),
        ("Python", platform.python_version()),
        ("Tracker", newest_build().stem),
        ("ClickHouse", _store_version(settings, paths)),
        ("Redis", _redis_version(settings, paths)),
        ("Accounts schema", revisions()[-1]),
        ("Edges", _edge_versions(settings, paths)),
    ]


def _store_version(settings: Settings, paths: Paths) -> str:
    try:
        rows = Store(store_url(settings, paths)).query(
            "select version(), (select max(number) from schema_migrations)"
        )
    except (StoreUnavailable, StoreError):
        return _AWAY
    ((version, number),) = rows
    return f"{version}, schema {number:04}"


def _redis_version(settings: Settings, paths: Paths) -> str:
    try:
        with open_beside(redis_url(settings, paths)) as redis:
            info: Any = infos(redis, "server")[0]
    except Exception:  # noqa: BLE001 - a page of versions shows the others all the same
        return _AWAY
    return str(info.get("valkey_version") or info["redis_version"])


def _edge_versions(settings: Settings, paths: Paths) -> str:
    reports = read_health(redis_url(settings, paths))
    found = sorted({f"{report['version']} ({report['front']})" for report in reports})
    return ", ".join(found) or "none reports"


def _settings(settings: Settings) -> list[SettingShown]:
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    shown = []
    for row in SETTINGS:
        value = values[row.name.lower()]
        text = "" if value is None else str(int(value) if isinstance(value, bool) else value)
        is_default = text == row.default or value == row.read(row.default)
        if row.secret:
            text = "•••" if value else ""
        shown.append(SettingShown(PREFIX + row.name, text, is_default, row.unit, row.help))
    return shown
