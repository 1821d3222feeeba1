"""``statflow imports``: what was imported into a site, and how it goes again."""

from typing import Any

import click

from statflow.command import Context
from statflow.erase_commands import find_site, refuse_held_site
from statflow.output import print_json, print_table
from statflow.services import open_store
from store.imports import Import, find_import, list_imports, remove_import


def as_row(found: Import) -> dict[str, Any]:
    """Write an import as commands print it."""
    return {
        "import": found.name,
        "kind": found.kind.value,
        "format": found.format,
        "file": found.file,
        "first": str(found.first),
        "last": str(found.last),
        "rows": found.rows,
        "at": found.at.isoformat(timespec="seconds"),
        "complete": found.complete,
    }


def show_imports(context: Context, host: str, *, as_json: bool) -> None:
    """List a site's imports, the oldest first."""
    site_id, _ = find_site(context, host)
    with open_store(context.settings, context.paths) as store:
        rows = [as_row(found) for found in list_imports(store, site_id)]
    if as_json:
        print_json(rows)
    else:
        print_table([[str(value) for value in row.values()] for row in rows])


def remove(context: Context, host: str, name: str, *, yes: bool) -> None:
    """Remove one import with all its rows."""
    site_id, _ = find_site(context, host)
    with open_store(context.settings, context.paths) as store:
        found = find_import(store, site_id, name)
        if found is None:
            raise click.UsageError(f"{host} has no import {name}; see: statflow imports list")
        refuse_held_site(context, site_id)
        if not yes:
            question = f"Remove {found.rows:,} {found.kind} of {found.file} from {host}?"
            click.confirm(question, abort=True)
        remove_import(store, found)
    print_json({"site_id": site_id, "import": found.name, "removed": True})
