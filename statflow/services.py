"""Find the services of an installation: Redis, the store, the accounts database, the geo database.

A setting wins; else the embedded service of the data folder. A command that needs the store while
nobody serves it starts one for itself and stops it again.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from statflow.paths import GEO_DATABASE, Paths
from statflow.settings import Settings
from store.client import Store

START_S = 60.0


class ServiceError(Exception):
    """A service cannot be reached or started; the message says which and what to do."""


def redis_url(settings: Settings, paths: Paths) -> str:
    """Return the buffer Redis' URL: the setting, else the embedded one's socket."""
    return settings.redis_url or f"unix://{paths.redis_socket}"


def database_url(settings: Settings, paths: Paths) -> str:
    """Return the accounts database's URL: the setting, else SQLite in the data folder."""
    return settings.database_url or f"sqlite:///{paths.accounts}"


def geo_database(settings: Settings) -> Path | None:
    """Return the geo database to read: the setting, else what set-up installed, else none."""
    if settings.geoip_db is not None:
        return settings.geoip_db
    return GEO_DATABASE if GEO_DATABASE.exists() else None


def secret_key(settings: Settings, paths: Paths) -> str:
    """Return the portal's signing key; make one on first use."""
    if settings.secret_key:
        return settings.secret_key
    return _made_once(paths.secret_key)


def store_secret(paths: Paths) -> str:
    """Return the embedded store's secret; make one on first use."""
    return _made_once(paths.store_secret)


def _made_once(path: Path) -> str:
    """Read a secret, making it first if there is none; two processes agree on one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.touch(0o600, exist_ok=False)
    temporary.write_text(secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(temporary)
    temporary.unlink()
    return path.read_text()


def running_store_url(paths: Paths) -> str | None:
    """Return the URL of the data folder's running store process, or None if nobody answers."""
    try:
        url = json.loads(paths.store_json.read_text())["url"]
    except (OSError, ValueError, KeyError):
        return None
    store = Store(url)
    return url if store.ping() else None


def store_url(settings: Settings, paths: Paths) -> str:
    """Return the store's URL for a role that serves, whether or not it answers just now.

    Raises:
        ServiceError: There is no setting and no store process ever ran for this data folder.
    """
    if settings.clickhouse_url:
        return settings.clickhouse_url
    try:
        return str(json.loads(paths.store_json.read_text())["url"])
    except (OSError, ValueError, KeyError):
        raise ServiceError(
            "no store: run `statflow up` or `statflow store` with this data folder, "
            "or set STATFLOW_CLICKHOUSE_URL"
        ) from None


@contextlib.contextmanager
def open_store(settings: Settings, paths: Paths) -> Iterator[Store]:
    """Open the store: the setting's, the running one, or one started for this command alone.

    Raises:
        ServiceError: A store of our own does not come up.
    """
    url = settings.clickhouse_url or running_store_url(paths)
    if url:
        yield Store(url)
        return
    paths.store_json.unlink(missing_ok=True)  # Of a process that is gone: nobody need try it.
    process = start_store(paths, port=0)
    try:
        yield Store(wait_for_store(process, paths))
    finally:
        process.terminate()
        process.wait(START_S)


def start_store(paths: Paths, port: int) -> "subprocess.Popen[bytes]":
    """Start the store process of the data folder."""
    command = [sys.executable, "-m", "statflow.cli", "store", "--data-dir", str(paths.data)]
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "statflow.launch", str(os.getpid()), *command, "--port", str(port)]
    )


def wait_for_store(process: "subprocess.Popen[bytes]", paths: Paths) -> str:
    """Wait until the store process answers and return its URL.

    Raises:
        ServiceError: It ended or did not answer within a minute.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(f"the store process ended with status {process.returncode}")
        if url := running_store_url(paths):
            return url
        time.sleep(0.05)
    raise ServiceError("the store process did not answer within a minute")


def port_is_free(host: str, port: int) -> bool:
    """Tell whether ``host:port`` can be bound now; port 0 always can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Choose a port of loopback that is free now; a restarted store keeps its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
