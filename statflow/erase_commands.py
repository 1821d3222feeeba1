"""``statflow erase`` and ``statflow site reset``: make rows of a site go, for good.

The commands only ask: the writer of the site's shard does it, in the order of the events
(``edge.forwarder.erase``). They wait until it is done, unless told not to; ended before, the
request stands all the same.
"""

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from statflow.command import Context
from statflow.output import fail, print_json

WAIT = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to wait until it is done; 0 only asks.",
)
YES = click.option("--yes", is_flag=True, help="Do not ask whether you are sure.")
_POLL_S = 0.1


def reset_site(context: Context, host: str, *, wait_s: float, yes: bool) -> None:
    """Erase everything of a site, named by host or number."""
    from edge.forwarder.erasure import Erasure

    site_id, _ = find_site(context, host)
    _carry_out(context, host, Erasure(site_id, _now_ms()), wait_s=wait_s, yes=yes)


def erase_rows(context: Context, host: str, *, dry_run: bool, **chosen: Any) -> None:
    """Erase the rows of a site that meet every condition, or count them."""
    from edge.forwarder.erase import count_matching
    from edge.forwarder.erasure import Erasure
    from statflow.services import open_store

    wait_s, yes = chosen.pop("wait_s"), chosen.pop("yes")
    site_id, zone = find_site(context, host)
    conditions = _conditions(zone, **chosen)
    if not conditions:
        raise click.UsageError("say what: --before, --after, --path, --property or --visitor")
    erasure = Erasure(site_id, _now_ms(), **conditions, zone=zone.key)
    if not dry_run:
        _carry_out(context, host, erasure, wait_s=wait_s, yes=yes)
        return
    with open_store(context.settings, context.paths) as store:
        events, visits = count_matching(store, erasure)
    print_json({"site_id": site_id, "events": events, "visits": visits, "erased": False})


def _conditions(
    zone: ZoneInfo,
    *,
    before: str | None,
    after: str | None,
    path: str | None,
    prop: str | None,
    visitor: int | None,
) -> dict[str, Any]:
    name, sign, value = (prop or "").partition("=")
    if prop is not None and not (name and sign):
        raise click.UsageError(f"--property {prop!r}: expected NAME=VALUE")
    given = {
        "before_ms": _moment_ms("--before", before, zone),
        "after_ms": _moment_ms("--after", after, zone),
        "path": path,
        "prop": (name, value) if prop is not None else None,
        "visitor": visitor,
    }
    return {name: value for name, value in given.items() if value is not None}


def _moment_ms(option: str, text: str | None, zone: ZoneInfo) -> int | None:
    """Read a day or a moment, by the site's clock where it names no zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{option} {text!r}: expected 2026-01-31 or 2026-01-31T12:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def _carry_out(context: Context, host: str, erasure: Any, *, wait_s: float, yes: bool) -> None:
    from edge.buffer.beside import open_beside
    from edge.forwarder.asking import is_done, send_erasure
    from statflow.services import redis_url

    by = f" by {', '.join(erasure.chosen_by)}" if erasure.chosen_by else ", all of it"
    if not yes:
        click.confirm(f"Erase the numbers of {host}{by}? They cannot be brought back.", abort=True)
    with open_beside(redis_url(context.settings, context.paths)) as redis:
        ticket = send_erasure(redis, erasure)
        deadline = time.monotonic() + wait_s
        while not (done := is_done(redis, ticket)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    print_json({"site_id": erasure.site_id, "asked": f"{ticket.shard}:{ticket.at}", "done": done})
    if wait_s and not done:
        fail("not done yet; it is, once the forwarder has come so far")


def find_site(context: Context, host: str) -> tuple[int, ZoneInfo]:
    """Find a site by host; a number is taken as it is, for sites that are no more."""
    if host.isdigit():
        return int(host), ZoneInfo("UTC")
    from portal.commands import site_named
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        site = site_named(session, host)
        return site.id, ZoneInfo(site.timezone)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
