"""``statflow backup``: accounts and analytics together, in one file, beside a running installation.

The file is a ZIP of lines (``accounts/*.jsonl``, ``analytics/*.tsv``) and, last, ``manifest.json``:
versions, and of each file the rows and the SHA-256 of its bytes. What it is as of is said in
``docs/backup.md``. The one invariant: a file that is there is whole; it grows beside its place and
moves there at the end.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal import dumping as accounts_dumping
from statflow import __version__
from statflow.accounts import open_accounts
from statflow.paths import Paths
from statflow.services import open_store, secret_key
from statflow.settings import Settings
from store import dumping as store_dumping
from store.client import Store
from store.migrate import migrate

FORMAT = 1
MANIFEST = "manifest.json"
ACCOUNTS, ANALYTICS = "accounts/", "analytics/"
_LEVEL = 3
_TRIES = 3

type Progress = Callable[[int, int], None]
"""Rows done of rows in all."""


class BackupError(Exception):
    """There can be no backup; the message says why."""


def make_backup(
    settings: Settings, paths: Paths, target: Path, progress: Progress
) -> dict[str, Any]:
    """Write a backup to ``target``, a file, or a folder in which it gets a name; say what it holds.

    Raises:
        BackupError: The file is there already, or cannot be written.
    """
    now = datetime.now(UTC)
    if target.is_dir():
        target /= f"statflow-{now:%Y%m%dT%H%M%SZ}.zip"
    if target.exists():
        raise BackupError(f"{target} exists already: name another file")
    growing = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with growing.open("xb") as file:
            growing.chmod(0o600)
            manifest = _write(settings, paths, file, now, progress)
            file.flush()
            os.fsync(file.fileno())
        growing.replace(target)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        growing.unlink(missing_ok=True)
    return {"file": str(target), "size_bytes": target.stat().st_size, **_summary(manifest)}


def _write(
    settings: Settings, paths: Paths, file: Any, now: datetime, progress: Progress
) -> dict[str, Any]:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "statflow": __version__,
            "made_at": now.isoformat(timespec="seconds"),
            "key": fingerprint(secret_key(settings, paths)),
        }
        with open_store(settings, paths) as store:
            migrate(store, settings.clickhouse_cluster)
            manifest["analytics"] = _write_analytics(store, archive, progress)
        # After the numbers, so that every site that has some is in it.
        manifest["accounts"] = _write_accounts(settings, paths, archive)
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def _write_analytics(store: Store, archive: zipfile.ZipFile, progress: Progress) -> dict[str, Any]:
    for left in reversed(range(_TRIES)):
        with store_dumping.open_dump(store) as dump:
            if dump.difference and left:
                continue  # Somebody erases just now: look again.
            total, done, files = sum(piece.rows for piece in dump.pieces), 0, []
            for piece in dump.pieces:

                def tell(rows: int, before: int = done, total: int = total) -> None:
                    progress(before + rows, total)

                told = _write_file(archive, ANALYTICS + piece.name, dump.lines(piece), tell)
                done += told["rows"]
                files.append({**told, "table": piece.table, "columns": piece.columns})
            return {
                "migrations": store_dumping.migrations_of(store),
                "difference": dump.difference,
                "files": files,
            }
    raise AssertionError("the last try writes whatever it finds")


def _write_accounts(settings: Settings, paths: Paths, archive: zipfile.ZipFile) -> dict[str, Any]:
    with (
        open_accounts(settings, paths) as database,
        accounts_dumping.open_dump(database) as dump,
    ):
        files = [
            {**_write_file(archive, f"{ACCOUNTS}{name}.jsonl", dump.lines(name)), "table": name}
            for name in dump.tables
        ]
        return {"revision": dump.revision, "last_ids": dict(dump.last_ids), "files": files}


def _write_file(
    archive: zipfile.ZipFile,
    name: str,
    pieces: Iterable[bytes],
    tell: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write one file of lines as they come; say its name, rows and digest."""
    digest, rows = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as out:
        for piece in pieces:
            out.write(piece)
            digest.update(piece)
            rows += piece.count(b"\n")
            tell(rows)
    return {"file": name, "rows": rows, "sha256": digest.hexdigest()}


def fingerprint(secret: str) -> str:
    """Name a secret key without telling it, so that a restore can say whether it is the same."""
    return hashlib.sha256(b"statflow key: " + secret.encode()).hexdigest()[:16]


def _summary(manifest: dict[str, Any]) -> dict[str, Any]:
    """Say how many rows of each table there are."""
    rows: dict[str, int] = {}
    for part in ("accounts", "analytics"):
        for told in manifest[part]["files"]:
            rows[told["table"]] = rows.get(told["table"], 0) + told["rows"]
    return {"made_at": manifest["made_at"], "rows": rows}
