"""``statflow erase`` and ``statflow site reset``: make rows of a site go, for good.

The commands only ask: the writer of the site's shard does it, in the order of the events
(``edge.forwarder.erase``). They wait until it is done, unless told not to; ended before, the
request stands all the same. Each has a certificate in the end (``statflow.erasing``).
"""

import time
from contextlib import suppress
from datetime import UTC, datetime
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
REASON = click.option("--reason", default="", help="Why; it stands on the certificate.")
YES = click.option("--yes", is_flag=True, help="Do not ask whether you are sure.")
_POLL_S = 0.1


def reset_site(context: Context, host: str, *, reason: str, wait_s: float, yes: bool) -> None:
    """Erase everything of a site, named by host or number."""
    from portal.data.requests import Chosen

    _carry_out(context, host, Chosen(), reason, wait_s=wait_s, yes=yes)


def erase_rows(
    context: Context, host: str, *, dry_run: bool, reason: str, wait_s: float, yes: bool, **how: Any
) -> None:
    """Erase the rows of a site that meet every condition, or count them."""
    from statflow.erasing import count_chosen
    from statflow.services import open_store

    site_id, zone = find_site(context, host)
    chosen = _chosen(zone, **how)
    if chosen.is_all:
        raise click.UsageError("say what: --before, --after, --path, --property or --visitor")
    if not dry_run:
        _carry_out(context, host, chosen, reason, wait_s=wait_s, yes=yes)
        return
    with open_store(context.settings, context.paths) as store:
        rows = count_chosen(store, site_id, zone.key, chosen, datetime.now(UTC))
    told = {"events": rows["events"], "visits": rows["sessions"], "rows": rows}
    print_json({"site_id": site_id, **told, "erased": False})


def _chosen(
    zone: ZoneInfo,
    *,
    before: str | None,
    after: str | None,
    path: str | None,
    prop: str | None,
    visitor: int | None,
) -> Any:
    from portal.data.requests import Chosen

    name, sign, value = (prop or "").partition("=")
    if prop is not None and not name:
        raise click.UsageError(f"--property {prop!r}: expected NAME or NAME=VALUE")
    return Chosen(
        after_ms=_moment_ms("--after", after, zone),
        before_ms=_moment_ms("--before", before, zone),
        path=path,
        prop=name if prop is not None else None,
        value=value if sign else None,
        visitor=visitor,
    )


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


def _carry_out(
    context: Context, host: str, chosen: Any, reason: str, *, wait_s: float, yes: bool
) -> None:
    """Write the request, send it, and wait until it is done."""
    from edge.buffer.beside import BufferAwayError
    from portal.data.holds import refuse_held
    from statflow.accounts import open_accounts
    from statflow.erasing import send_due
    from statflow.services import redis_url

    with open_accounts(context.settings, context.paths) as accounts:
        with accounts.reading() as session:
            # Before anybody is asked whether they are sure.
            refuse_held(session, _named(session, host)[1], datetime.now(UTC))
        if not yes:
            by = f" by {', '.join(chosen.told())}" if chosen.told() else ", all of it"
            sure = f"Erase the numbers of {host}{by}? They cannot be brought back."
            click.confirm(sure, abort=True)
        with accounts.writing() as session:
            site_id, key = _ask(session, host, chosen, reason)
        url = redis_url(context.settings, context.paths)
        try:
            sent = send_due(url, accounts, datetime.now(UTC))
            done = _wait(url, sent[key], wait_s) if key in sent else False
        except BufferAwayError as error:
            fail(f"{error} The request {key} stands, and is sent once it does.")
        if done:
            _certify(context, accounts)
    asked = f"{sent[key].shard}:{sent[key].at}" if key in sent else ""
    print_json({"site_id": site_id, "asked": asked, "certificate": key, "done": done})
    if wait_s and not done:
        fail("not done yet; it is, once the forwarder has come so far")


def refuse_held_site(context: Context, site_id: int) -> None:
    """Refuse to go on where a site is under a legal hold.

    Raises:
        HeldError: It is.
    """
    from portal.data.holds import refuse_held
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        refuse_held(session, site_id, datetime.now(UTC))


def _ask(session: Any, host: str, chosen: Any, reason: str) -> tuple[int, str]:
    from portal.data.requests import ask_erasure, ask_gone

    site, site_id = _named(session, host)
    now = datetime.now(UTC)
    if site is None:
        return site_id, ask_gone(session, site_id, chosen, now, reason=reason).key
    return site_id, ask_erasure(session, site, chosen, now, reason=reason).key


def _wait(url: str, ticket: Any, wait_s: float) -> bool:
    """Wait until the shard's writer has come past a message."""
    from edge.buffer.beside import open_beside
    from edge.forwarder.asking import is_done

    deadline = time.monotonic() + wait_s
    with open_beside(url) as redis:
        while not (done := is_done(redis, ticket)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    return done


def _certify(context: Context, accounts: Any) -> None:
    """Write the certificate now, where the store is at hand; else the portal does it later."""
    from portal.data.certificates import Signer
    from statflow.erasing import certify
    from statflow.services import running_store_url, secret_key
    from store.client import Store, StoreError, StoreUnavailable

    url = context.settings.clickhouse_url or running_store_url(context.paths)
    if not url:
        return
    with suppress(StoreError, StoreUnavailable):
        certify(Store(url), accounts, Signer(secret_key(context.settings, context.paths)))


def _named(session: Any, host: str) -> tuple[Any, int]:
    """Find a site by host or number; of a number that is no site's any more only that."""
    from portal.commands import site_named
    from portal.models import Site

    if host.isdigit():
        return session.get(Site, int(host)), int(host)
    site = site_named(session, host)
    return site, site.id


def find_site(context: Context, host: str) -> tuple[int, ZoneInfo]:
    """Find a site by host; a number is taken as it is, for sites that are no more."""
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        site, site_id = _named(session, host)
        return site_id, ZoneInfo(site.timezone if site else "UTC")
