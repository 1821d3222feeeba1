"""What every command is made of: the settings in force, and errors that end in a sentence.

Each command imports only what it runs, so that ``statflow --help`` is instant and an edge host
needs no portal. The one invariant: an error that a person can mend is one sentence and status 1,
any other a traceback.
"""

import errno
import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from statflow.output import fail
from statflow.paths import Paths, PathsError
from statflow.settings import Settings, SettingsError, read_settings


class Context:
    """What every command starts from: the settings in force and the installation's paths."""

    def __init__(self, data_dir: Path | None) -> None:
        self.settings: Settings = read_settings(data_dir=data_dir)
        self.paths = Paths(self.settings.data_dir)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--data-dir`` and a Context, and turn expected errors into sentences."""

    @click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Its folder (default: STATFLOW_DATA_DIR, else ~/.local/share/statflow).",
    )
    @wraps(function)
    def run(*args: Any, data_dir: Path | None = None, **kwargs: Any) -> None:
        try:
            context = Context(data_dir)
            context.paths.prepare()
            _configure_logging(context.settings)
            function(context, *args, **kwargs)
        except OSError as error:
            if error.errno not in _PORT_ERRORS:
                raise
            fail(f"cannot listen: {error.strerror}; is this role or another program running there?")
        except Exception as error:
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if not kinds & EXPECTED or logging.getLogger().level == logging.DEBUG:
                raise
            fail(str(error))

    return run


def _configure_logging(settings: Settings) -> None:
    """Log to standard error; libraries that would log requests or peers only say warnings."""
    level = logging.DEBUG if settings.debug else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    for library in ("aiohttp", "alembic", "asyncio", "hpack", "mitmproxy", "waitress", "werkzeug"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # ClickHouse's driver logs the traceback of every error that it raises; who catches it tells.
    for library in ("clickhouse_connect", "urllib3"):
        logging.getLogger(library).setLevel(logging.ERROR)


_PORT_ERRORS = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})

EXPECTED = frozenset(
    {
        SettingsError.__name__,
        PathsError.__name__,
        "UpError",
        "ServiceError",
        "FieldError",
        "StoreFolderInUse",
        "StoreError",
        "StoreUnavailable",
        "MigrationError",
        "ImportFileError",
        "EdgeError",
        "ExplainError",
        "NginxError",
        "BufferAwayError",
        "DeadLetterError",
        "BackupError",
        "DatabaseAwayError",
        "DatabaseNewerError",
        "RestoreError",
        "CertificateError",
    }
)
"""Errors whose message is written for the person at the terminal. Named, not imported: most come
from modules that a given command never loads."""
