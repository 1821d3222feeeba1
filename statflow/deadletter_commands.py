"""``statflow deadletter``: what the forwarder set aside, and what to do about it.

Works beside a running installation. Doing it is ``edge.forwarder.dead_letters``; here are words and
tables. Each letter is moved for itself, so a command that is killed may simply be given again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from statflow.command import Context, command
from statflow.erase_commands import find_site
from statflow.output import fail, print_json, print_table

_SHOWN_CHARACTERS = 60


@click.group()
def deadletter() -> None:
    """Events that could not be stored: list, send again, discard."""


def _choosing(function: Callable[..., None]) -> Callable[..., None]:
    """Add the ways to say which letters are meant."""

    @click.argument("ids", nargs=-1, metavar="[ID]…")
    @click.option("--shard", type=click.IntRange(0, 63), help="Those of one shard.")
    @click.option("--site", help="Those of a site: its host or number; 0 where it is unknown.")
    @click.option("--all", "everything", is_flag=True, help="All there are.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)

    return run


@deadletter.command("list")
@command
@_choosing
def deadletter_list(context: Context, *, as_json: bool, **chosen: Any) -> None:
    """List dead letters: all, or those meant."""
    with _letters(context) as letters:
        found = [letter.as_dict() for letter in letters.chosen(_choice(context, **chosen))]
    if as_json:
        print_json(found)
        return
    rows = [
        [
            letter["id"],
            datetime.fromtimestamp(letter["at_s"], UTC).isoformat(" ", "seconds"),
            str(letter["site_id"] or "unknown"),
            letter["why"],
            "yes" if letter["readable"] else "no",
            letter["body"][:_SHOWN_CHARACTERS],
        ]
        for letter in found
    ]
    print_table([["ID", "SET ASIDE (UTC)", "SITE", "WHY", "READABLE", "WHAT"], *rows])


@deadletter.command("replay")
@command
@_choosing
@click.option(
    "--repaired",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="Send the content of this file (- for standard input) in place of the one ID.",
)
def deadletter_replay(
    context: Context, *, as_json: bool, repaired: Path | None, **chosen: Any
) -> None:
    """Send dead letters through the forwarder again; those that cannot be read stay."""
    from edge.forwarder.dead_letters import DeadLetterError

    choice = _meant(context, **chosen)
    if repaired is not None and len(choice.names) != 1:
        raise click.UsageError("--repaired goes with exactly one ID")
    body = click.open_file(str(repaired), "rb").read().strip() if repaired is not None else None
    moved, kept = 0, []
    with _letters(context) as letters:
        for letter in letters.chosen(choice):
            try:
                moved += letters.replay(letter, body)
            except DeadLetterError as error:
                kept.append({"id": letter.name, "why": str(error)})
    if as_json:
        print_json({"replayed": moved, "kept": kept})
    else:
        click.echo(f"{moved} sent again, {len(kept)} kept")
    if kept:
        fail("; ".join(row["why"] for row in kept[:5]))


@deadletter.command("drop")
@command
@_choosing
def deadletter_drop(context: Context, *, as_json: bool, **chosen: Any) -> None:
    """Discard dead letters for good; they count as left out from then on."""
    choice = _meant(context, **chosen)
    with _letters(context) as letters:
        moved = sum(letters.discard(letter) for letter in letters.chosen(choice))
    if as_json:
        print_json({"dropped": moved})
    else:
        click.echo(f"{moved} discarded")


@contextmanager
def _letters(context: Context) -> Iterator[Any]:
    from edge.buffer.beside import open_beside
    from edge.forwarder.dead_letters import DeadLetters
    from statflow.services import redis_url

    with open_beside(redis_url(context.settings, context.paths)) as redis:
        yield DeadLetters(redis)


def _meant(context: Context, *, everything: bool, **chosen: Any) -> Any:
    """Read which letters are meant; nobody means all of them by saying nothing."""
    if not everything and not any(value or value == 0 for value in chosen.values()):
        raise click.UsageError("say which: an ID, --shard, --site, or --all")
    return _choice(context, everything=everything, **chosen)


def _choice(
    context: Context, *, everything: bool, ids: tuple[str, ...], shard: int | None, site: str | None
) -> Any:
    from edge.forwarder.dead_letters import Choice

    if everything:
        return Choice()
    site_id = None if site is None else find_site(context, site)[0]
    return Choice(shard, site_id, frozenset(ids))
