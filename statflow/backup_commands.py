"""``statflow backup`` and ``statflow restore``, with their progress on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from statflow.command import Context, command
from statflow.output import print_json


@click.command()
@command
@click.argument("target", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
def backup(context: Context, target: Path) -> None:
    """Write accounts and analytics into FILE, or into a file in FOLDER. Prints JSON.

    It may run beside `statflow up`. Keep the secret key apart: docs/backup.md.
    """
    from statflow.backup import make_backup

    with _progress("Backing up") as progress:
        said = make_backup(context.settings, context.paths, target, progress)
    print_json(said)


@click.command()
@command
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace what is here already, for good.")
def restore(context: Context, file: Path, force: bool) -> None:
    """Fill this installation with the backup FILE; it must be stopped and empty. Prints JSON."""
    from statflow.restore import restore_backup

    with _progress("Restoring") as progress:
        said = restore_backup(context.settings, context.paths, file, progress, force=force)
    print_json(said)
    if not said["same_secret_key"]:
        click.echo(
            "statflow: the secret key here is not that of the backup: everybody signs in anew, and"
            " what it sealed cannot be read. To keep it, bring back the file secret_key.",
            err=True,
        )


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, and nothing in a log."""
    bar: Any = click.progressbar(
        length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    )
    with bar:

        def tell(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield tell
