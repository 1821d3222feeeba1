"""``statflow restore``: fill an installation with a backup, of this release or an older one.

Before anything is changed the whole file is read and compared with its manifest. The numbers are
written first and the accounts last, in one transaction; a note in the data folder says that a
restore is under way, and while it is there ``statflow up`` does not start and a restore begins
anew. The one invariant: a file that is damaged, or of a newer release, changes nothing.
"""

import fcntl
import hashlib
import json
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.buffer.beside import open_beside
from edge.buffer.embedded import is_answering
from edge.forwarder.asking import holds_events
from portal import dumping as accounts_dumping
from portal.database import Database, revisions
from statflow.accounts import publish_sites
from statflow.backup import ACCOUNTS, FORMAT, MANIFEST, Progress, fingerprint
from statflow.paths import Paths
from statflow.services import database_url, open_store, redis_url, secret_key
from statflow.settings import Settings
from store import dumping as store_dumping
from store.client import Store, StoreUnavailable

_CHUNK_ROWS = 50_000
_READ_BYTES = 1 << 20
_REPEATS = 5


class RestoreError(Exception):
    """The backup cannot be restored; the message says why, and that nothing was changed."""


def restore_backup(
    settings: Settings, paths: Paths, file: Path, progress: Progress, *, force: bool = False
) -> dict[str, Any]:
    """Fill the installation with a backup; say what it holds now.

    Raises:
        RestoreError: The file or the installation is not as it must be.
    """
    if settings.clickhouse_cluster:
        raise RestoreError(
            "STATFLOW_CLICKHOUSE_CLUSTER is set: restore into one node, and add replicas to it."
            " Nothing was changed."
        )
    with _stopped(paths), _opened(file) as archive:
        manifest = _read_manifest(archive, file)
        _check_versions(manifest)
        rows = sum(told["rows"] for told in _files(manifest))
        _check_files(archive, file, manifest, lambda done: progress(done, 2 * rows))
        database = Database(database_url(settings, paths))
        try:
            with open_store(settings, paths) as store:
                if not force and not paths.restoring.exists():
                    _check_empty(database, store)
                _check_buffer(settings, paths)
                paths.restoring.write_text(f"{file}\n")
                _set_redis_aside(settings, paths)
                _fill_store(store, archive, manifest, lambda done: progress(rows + done, 2 * rows))
                _fill_accounts(database, archive, manifest)
                orphans = _erase_orphans(database, store)
                paths.restoring.unlink()
            publish_sites(settings, paths, database)
        finally:
            database.close()
    same_key = manifest["key"] == fingerprint(secret_key(settings, paths))
    return {
        "file": str(file),
        "made_at": manifest["made_at"],
        "rows": _count(manifest),
        "same_secret_key": same_key,
        "erased_sites": orphans,
    }


@contextmanager
def _stopped(paths: Paths) -> Iterator[None]:
    """Make sure that no ``up`` serves this data folder, for a block."""
    with paths.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RestoreError(
                "statflow is up with this data folder: stop it first. Nothing was changed."
            ) from None
        yield


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise _damaged(file, str(error)) from None


def _damaged(file: Path, why: str) -> RestoreError:
    return RestoreError(f"{file} is damaged or no backup ({why}). Nothing was changed.")


def _read_manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(archive.read(MANIFEST))
    except (KeyError, ValueError, zipfile.BadZipFile, OSError):
        raise _damaged(file, f"{MANIFEST} cannot be read") from None
    wanted = {"format", "statflow", "made_at", "key", "accounts", "analytics"}
    if not isinstance(manifest, dict) or not wanted <= manifest.keys():
        raise _damaged(file, f"{MANIFEST} is not as it must be")
    return manifest


def _check_versions(manifest: dict[str, Any]) -> None:
    """Refuse what a newer release wrote."""
    newer = [f"format {manifest['format']}"] if manifest["format"] > FORMAT else []
    if manifest["accounts"]["revision"] not in revisions():
        newer.append(f"accounts at {manifest['accounts']['revision']}")
    unknown = store_dumping.unknown_migrations(manifest["analytics"]["migrations"])
    newer += [f"tables at {number}" for number in unknown]
    if newer:
        raise RestoreError(
            f"The backup is of another release, {manifest['statflow']}, that this one does not"
            f" know ({', '.join(newer)}). Install that release or a newer one. Nothing was changed."
        )


def _files(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [*manifest["accounts"]["files"], *manifest["analytics"]["files"]]


def _count(manifest: dict[str, Any]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for told in _files(manifest):
        rows[told["table"]] = rows.get(told["table"], 0) + told["rows"]
    return rows


def _check_files(archive: zipfile.ZipFile, file: Path, manifest: Any, tell: Any) -> None:
    """Read every file and compare it with the manifest."""
    done = 0
    for told in _files(manifest):
        digest, rows = hashlib.sha256(), 0
        try:
            with archive.open(told["file"]) as opened:
                while piece := opened.read(_READ_BYTES):
                    digest.update(piece)
                    rows += piece.count(b"\n")
                    tell(done + rows)
        except (KeyError, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise _damaged(file, f"{told['file']}: {error}") from None
        if (digest.hexdigest(), rows) != (told["sha256"], told["rows"]):
            raise _damaged(file, f"{told['file']} is not what was written")
        done += rows


def _check_empty(database: Database, store: Store) -> None:
    """Refuse to replace what somebody has."""
    database.migrate()
    found = accounts_dumping.what_is_here(database)
    found += ["numbers"] if store_dumping.holds_numbers(store) else []
    if found:
        raise RestoreError(
            f"There are {', '.join(found)} here already. Restore into an empty installation, or"
            " say --force to replace everything that is here. Nothing was changed."
        )


def _check_buffer(settings: Settings, paths: Paths) -> None:
    """Refuse while a Redis of its own holds events or open visits of what is to be replaced."""
    url = redis_url(settings, paths)
    if not settings.redis_url or not is_answering(url):
        return
    with open_beside(url) as redis:
        if holds_events(redis):
            raise RestoreError(
                "The buffer Redis holds events or open visits of this installation. Stop edges and"
                " forwarders, empty that Redis (FLUSHDB), and come again. Nothing was changed."
            )


def _set_redis_aside(settings: Settings, paths: Paths) -> None:
    """Move the embedded buffer away: its open visits are of what is replaced."""
    if not settings.redis_url and paths.redis_folder.exists():
        paths.redis_folder.rename(
            paths.data / f"redis.before-restore-{time.time_ns() // 1_000_000}"
        )


def _fill_store(
    store: Store, archive: zipfile.ZipFile, manifest: dict[str, Any], tell: Any
) -> None:
    analytics = manifest["analytics"]
    store_dumping.empty_at(store, analytics["migrations"])
    done = 0
    for told in analytics["files"]:
        with archive.open(told["file"]) as opened:
            for number, body in enumerate(_chunks(opened)):
                token = f"restore-{told['sha256']}-{number}"
                done += _insert(store, told, body, token)
                tell(done)
    store_dumping.finish(store)


def _insert(store: Store, told: dict[str, Any], body: bytes, token: str) -> int:
    """Insert lines, again if the store is away for a moment: the token makes that safe."""
    for left in reversed(range(_REPEATS)):
        try:
            return store.insert_lines(told["table"], told["columns"], body, token=token)
        except StoreUnavailable:
            if not left:
                raise
            time.sleep(1)
    raise AssertionError


def _chunks(opened: Any) -> Iterator[bytes]:
    lines: list[bytes] = []
    for line in opened:
        lines.append(line)
        if len(lines) == _CHUNK_ROWS:
            yield b"".join(lines)
            lines = []
    if lines:
        yield b"".join(lines)


def _fill_accounts(database: Database, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
    told = manifest["accounts"]
    names = [row["table"] for row in told["files"]]

    def read(name: str) -> Iterator[bytes]:
        with archive.open(f"{ACCOUNTS}{name}.jsonl") as opened:
            yield from opened

    accounts_dumping.load(database, told["revision"], told["last_ids"], read, names)


def _erase_orphans(database: Database, store: Store) -> list[int]:
    """Let numbers go whose site was deleted while the backup was made."""
    rows = store.query(
        "select distinct site_id from (select site_id from events union distinct"
        " select site_id from hits)"
    )
    found = {int(site_id) for (site_id,) in rows}
    return accounts_dumping.mark_orphans(database, found, datetime.now(UTC))
