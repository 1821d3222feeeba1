"""``statflow hold``, ``certificates`` and ``archive``: the life of a site's numbers.

The portal's page does the same through the same functions (``portal.data``). The one invariant:
what a page refuses is refused here in the same words.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from statflow.command import Context, command
from statflow.output import fail, print_json, print_table


@click.group()
def hold() -> None:
    """Legal holds: until a day nothing of a site is erased."""


@hold.command("set")
@command
@click.argument("host")
@click.option("--until", required=True, metavar="DAY", help="The last day, by the site's clock.")
@click.option("--reason", required=True, help="Whoever is refused by the hold reads it.")
def hold_set(context: Context, host: str, until: str, reason: str) -> None:
    """Hold everything of HOST through a day. Prints JSON."""
    from portal.commands import site_named
    from portal.data.forms import read_day
    from portal.data.holds import set_hold
    from statflow.accounts import open_accounts

    last = read_day("until", until)
    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        site = site_named(session, host)
        answer = _as_row(set_hold(session, site, last, reason, datetime.now(UTC)))
    print_json(answer)


@hold.command("lift")
@command
@click.argument("host")
@click.argument("number", type=int)
def hold_lift(context: Context, host: str, number: int) -> None:
    """Lift the hold NUMBER of HOST before its end. Prints JSON."""
    from portal.commands import site_named
    from portal.data.holds import holds_of, lift_hold
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        site = site_named(session, host)
        lift_hold(session, site.id, number, datetime.now(UTC))
        (answer,) = [_as_row(row) for row in holds_of(session, site.id) if row.id == number]
    print_json(answer)


@hold.command("list")
@command
@click.argument("host")
def hold_list(context: Context, host: str) -> None:
    """List the holds of HOST, the newest first. Prints JSON."""
    from portal.commands import site_named
    from portal.data.holds import holds_of
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        print_json([_as_row(row) for row in holds_of(session, site_named(session, host).id)])


def _as_row(row: Any) -> dict[str, Any]:
    in_force = row.lifted_at is None and row.until > datetime.now(UTC)
    return {
        "id": row.id,
        "reason": row.reason,
        "set_by": row.set_by,
        "set_at": row.set_at.isoformat(timespec="seconds"),
        "until": row.until.isoformat(timespec="seconds"),
        "lifted_at": row.lifted_at and row.lifted_at.isoformat(timespec="seconds"),
        "in_force": in_force,
    }


@click.group()
def certificates() -> None:
    """Certificates of what was erased."""


@certificates.command("list")
@command
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def certificates_list(context: Context, as_json: bool) -> None:
    """List what was asked to be erased, the newest first."""
    from portal.data.requests import requests_of_all
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        rows = [
            {
                "certificate": row.key,
                "site": row.host or str(row.site_id),
                "asked_at": row.asked_at.isoformat(timespec="seconds"),
                "what": "a part" if row.chosen else "everything",
                "done": row.done_at is not None,
            }
            for row in requests_of_all(session, set(), set(), whole=True, most=1_000)
        ]
    if as_json:
        print_json(rows)
        return
    heads = ["CERTIFICATE", "SITE", "ASKED AT", "WHAT", "DONE"]
    print_table([heads, *([str(value) for value in row.values()] for row in rows)])


@certificates.command("show")
@command
@click.argument("key", metavar="CERTIFICATE")
def certificates_show(context: Context, key: str) -> None:
    """Print a certificate as a file that can be checked: JSON."""
    from portal.data.certificates import as_file
    from portal.models import ErasureRequest
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        row = session.get(ErasureRequest, key)
        if row is None:
            fail(f"There is no certificate {key}; see: statflow certificates list")
        elif not row.statement:
            fail("It is asked for and not done yet.")
        else:
            print_json(as_file(row))


@certificates.command("check")
@command
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", default="", help="The public key to trust; else this installation's.")
def certificates_check(context: Context, file: Path, key: str) -> None:
    """Tell whether FILE is a certificate of this installation that nobody changed. Prints JSON."""
    from portal.data.certificates import Signer, check_file
    from statflow.services import secret_key

    trusted = key or Signer(secret_key(context.settings, context.paths)).public_key
    print_json(check_file(file.read_bytes(), trusted))


@click.command()
@command
@click.argument("host")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--before", metavar="DAY", help="Only days before this one; else all up to yesterday."
)
@click.option(
    "--k", type=click.IntRange(2), default=10, show_default=True,
    help="Visitors of a day that must share a value for it to be named.",
)  # fmt: skip
def archive(context: Context, host: str, folder: Path, before: str | None, k: int) -> None:
    """Write sums of whole days of HOST into FOLDER, a Parquet file a month. Prints JSON.

    They name nobody: no visitor, no visit, no time of day (docs/data.md). Nothing is erased.
    """
    from portal.data.forms import read_day
    from statflow.archiving import archive_site
    from statflow.erase_commands import find_site
    from statflow.services import open_store

    site_id, zone = find_site(context, host)
    today = datetime.now(zone).date()
    end = min(read_day("before", before), today) if before else today
    last: date = end - timedelta(days=1)
    with open_store(context.settings, context.paths) as store:
        files = archive_site(store, site_id, last, folder, k)
    print_json({"host": host, "k": k, "files": files})
