"""Where an installation keeps things: the data folder, and a short folder for sockets.

Unix socket paths end at 107 bytes, so sockets never live in the data folder itself but in a folder
of ours whose name is a hash of the data folder's path; every command finds it in the same way.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from statflow.settings import ROOT

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - memory, not disk: the salts must not be written


class PathsError(Exception):
    """A folder cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class Paths:
    """The files of one installation, all derived from its data folder."""

    data: Path

    @cached_property
    def key(self) -> str:
        """Name the installation: a short hash of the data folder's real path."""
        return hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:12]

    @property
    def runtime(self) -> Path:
        """Folder for sockets; short whatever the data folder's name."""
        return Path("/tmp") / f"statflow-{os.getuid()}-{self.key}"  # noqa: S108 - owner checked

    @property
    def salts(self) -> Path | None:
        """File in memory that holds the salts, or None where there is no shared memory."""
        if not os.access(SHARED_MEMORY, os.W_OK):
            return None
        return SHARED_MEMORY / f"statflow-{os.getuid()}-{self.key}" / "salts"

    @property
    def run_json(self) -> Path:
        """What `up` tells the world once everything serves."""
        return self.data / "run.json"

    @property
    def lock(self) -> Path:
        """Held by the one `up` of this data folder."""
        return self.data / "up.lock"

    @property
    def restoring(self) -> Path:
        """There while a restore has begun and not ended."""
        return self.data / "restoring"

    @property
    def accounts(self) -> Path:
        """The embedded accounts database."""
        return self.data / "accounts.sqlite3"

    @property
    def uploads(self) -> Path:
        """Files that were uploaded to be imported, each in a folder of its own."""
        return self.data / "uploads"

    @property
    def secret_key(self) -> Path:
        """The portal's signing key, made once."""
        return self.data / "secret_key"

    @property
    def store_folder(self) -> Path:
        """The embedded engine's folder."""
        return self.data / "store"

    @property
    def store_json(self) -> Path:
        """Where the running store process is found: its URL with the secret."""
        return self.data / "store.json"

    @property
    def store_secret(self) -> Path:
        """The embedded store's secret, made once."""
        return self.data / "store_secret"

    @property
    def spool(self) -> Path:
        """What edges keep while Redis is away."""
        return self.data / "spool"

    @property
    def redis_folder(self) -> Path:
        """The embedded Redis' append-only file."""
        return self.data / "redis"

    @property
    def redis_socket(self) -> Path:
        """The embedded Redis' socket."""
        return self.runtime / "redis.sock"

    @property
    def sites_file(self) -> Path:
        """The sites snapshot that the edge serves from."""
        return self.data / "sites.json"

    def private_socket(self, part: str) -> Path:
        """Name the private port of a supervised part."""
        return self.runtime / f"{part}.sock"

    def prepare(self) -> None:
        """Create the folders, for their owner only.

        Raises:
            PathsError: A folder cannot be made or belongs to somebody else.
        """
        for folder in (self.data, self.runtime, *([self.salts.parent] if self.salts else [])):
            _make_private(folder)


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise PathsError(f"{folder} cannot be created: {error.strerror}") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PathsError(f"{folder} is not a folder of the user who runs this command")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PathsError(f"{folder} is not writable for the user who runs this command")


GEO_DATABASE = ROOT / "build" / "geo" / "country.mmdb"
"""The free country database that set-up installs."""
