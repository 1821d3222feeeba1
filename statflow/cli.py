"""The ``statflow`` command: one group, one function a command.

Each command imports only what it runs; what they share is ``statflow.command``.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from statflow import __version__
from statflow.backup_commands import backup, restore
from statflow.command import Context, command
from statflow.data_commands import archive, certificates, hold
from statflow.deadletter_commands import deadletter
from statflow.front_command import front
from statflow.output import print_json, print_table
from statflow.rules_commands import rules
from statflow.site_commands import erase, injection, site

FRONTS = click.Choice(["auto", "direct", "mitmproxy"])
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Edge processes that share the ports.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="statflow")
def main() -> None:
    """Privacy-first web analytics behind an edge reverse proxy.

    \b
    Try it:             statflow up --demo
    Your own site:      statflow up --upstream http://127.0.0.1:3000 --host my.site
    Something wrong?    statflow doctor
    """  # noqa: D301 - click looks for the sign itself.


main.add_command(front)
main.add_command(site)
main.add_command(injection)
main.add_command(erase)
main.add_command(hold)
main.add_command(certificates)
main.add_command(archive)
main.add_command(rules)
main.add_command(deadletter)
main.add_command(backup)
main.add_command(restore)


def _serve(
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    *,
    uvloop: bool = False,
    hangup: asyncio.Event | None = None,
) -> None:
    """Run a role until SIGINT or SIGTERM; SIGHUP sets ``hangup`` where there is one."""

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if hangup is not None:
            loop.add_signal_handler(signal.SIGHUP, hangup.set)
        await run(stop)

    if uvloop:
        import uvloop as fast_loop

        fast_loop.run(until_stopped())
    else:
        asyncio.run(until_stopped())


@main.command()
@command
@click.option("--front", type=FRONTS, default="auto", show_default=True, help="The proxy engine.")
@click.option(
    "--tls-dir",
    type=click.Path(path_type=Path),
    help="Certificates: HOST/fullchain.pem, HOST/privkey.pem.",
)
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address for edge and portal.")
@click.option("--edge-port", default=8080, show_default=True)
@click.option("--edge-tls-port", default=8443, show_default=True)
@click.option("--portal-port", default=8000, show_default=True)
@click.option(
    "--private-port", default=9090, show_default=True, help="Health and metrics, on loopback."
)
@WORKERS
@click.option("--upstream", default="", help="Your site, as http://HOST:PORT; goes with --host.")
@click.option("--host", default="", help="The name your site is asked for.")
@click.option("--demo", is_flag=True, help="A demo shop with 90 days of traffic.")
@click.option("--shop-port", default=8071, hidden=True)
def up(context: Context, tls_dir: Path | None, **options: Any) -> None:
    """Start everything on this machine: Redis, store, forwarder, edge, portal."""
    from statflow.up import run_up
    from statflow.up_options import UpOptions

    options["tls_dir"] = tls_dir or context.settings.tls_dir
    asyncio.run(run_up(context.settings, UpOptions(**options)))


@main.command()
@command
@click.option("--front", type=FRONTS, default="auto", show_default=True, help="The proxy engine.")
@click.option(
    "--bind", default="127.0.0.1", show_default=True, help="Addresses, such as 0.0.0.0,::"
)
@click.option("--port", default=8080, show_default=True)
@click.option("--tls-port", type=int, help="Serve TLS here, with the certificates of --tls-dir.")
@click.option(
    "--tls-dir", type=click.Path(path_type=Path), help="HOST/fullchain.pem, HOST/privkey.pem."
)
@WORKERS
@click.option("--private-port", type=int, help="Health and metrics, on loopback.")
@click.option("--private-socket", type=click.Path(path_type=Path), hidden=True)
@click.option("--salts-file", type=click.Path(path_type=Path), hidden=True)
@click.option("--reuse-port", is_flag=True, hidden=True)
def edge(context: Context, workers: int, **options: Any) -> None:
    """Run the edge: the proxy that injects the tracker and collects events.

    SIGTERM lets it finish what is open; SIGHUP lets it read sites and certificates again.
    """
    from statflow.logs import log_json_lines

    log_json_lines()
    from edge.app import run_edge
    from statflow.role_edge import edge_config, workers_plan
    from statflow.telemetry import traced
    from statflow.workers import run_workers

    hangup = asyncio.Event()
    config = edge_config(context.settings, context.paths, **options)
    if workers == 1:
        with traced(context.settings, "edge"):
            _serve(lambda stop: run_edge(config, stop, hangup), uvloop=True, hangup=hangup)
        return
    plan = workers_plan(config, context.paths, workers)
    _serve(lambda stop: run_workers(plan, stop, hangup), hangup=hangup)


@main.command()
@command
@click.option("--shards", default="0-63", show_default=True, help="The range of shards to own.")
@click.option("--private-port", type=int, help="Health and metrics, on loopback.")
@click.option("--private-socket", type=click.Path(path_type=Path), hidden=True)
def forwarder(
    context: Context, shards: str, private_port: int | None, private_socket: Path | None
) -> None:
    """Run the forwarder: from Redis Streams to ClickHouse, exactly once."""
    from statflow.role_forwarder import forwarder_config, serve_forwarder
    from statflow.telemetry import traced

    config = forwarder_config(context.settings, context.paths, shards)
    at: dict[str, Any] = {"bind": context.settings.private_bind, "port": private_port}
    with traced(context.settings, "forwarder"):
        _serve(lambda stop: serve_forwarder(config, stop, **at, path=private_socket), uvloop=True)


@main.command()
@command
@click.option("--bind", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--threads", default=8, show_default=True)
@click.option("--private-port", type=int, help="Health and metrics.")
@click.option("--private-socket", type=click.Path(path_type=Path), hidden=True)
@click.option(
    "--reports/--no-reports",
    default=True,
    show_default=True,
    help="Take part in sending reports and alerts; else run `statflow reports`.",
)
def portal(context: Context, **options: Any) -> None:
    """Run the portal: accounts, sites, dashboards, API."""
    from statflow.role_portal import serve_portal
    from statflow.telemetry import traced

    with traced(context.settings, "portal"):
        serve_portal(context.settings, context.paths, **options)


@main.command()
@command
@click.option("--private-port", type=int, help="Health and metrics.")
def reports(context: Context, private_port: int | None) -> None:
    """Send reports and alerts, and nothing else: for portals run with --no-reports."""
    from statflow.role_reports import serve_reports

    serve_reports(context.settings, context.paths, private_port)


@main.command()
@command
@click.option("--site", "host", required=True, help="The site that the token opens.")
@click.option(
    "--url", default="", help="The portal's address (default: STATFLOW_PUBLIC_URL, else this host)."
)
def mcp(context: Context, host: str, url: str) -> None:
    """Answer assistants' questions about a site by the Model Context Protocol, over stdio.

    The token comes from STATFLOW_TOKEN and needs the scopes stats:read and, for goals, sites:read.
    """
    from statflow.mcp import serve_mcp

    if not context.settings.token:
        raise click.UsageError("Set STATFLOW_TOKEN to a token of the site (API tokens page).")
    base = url or context.settings.public_url or "http://127.0.0.1:8000"
    serve_mcp(base, host, context.settings.token)


@main.command()
@click.argument("addresses", nargs=-1)
@click.option("--every", "every_s", default=2.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print one screen and end.")
def top(addresses: tuple[str, ...], every_s: float, once: bool) -> None:
    """Show live what the parts at ADDRESSES do: rates, lag, drops, times.

    ADDRESSES are private ports, such as http://10.0.0.5:9090; without one that of this machine.
    """
    from statflow.top import show

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(show(addresses or ("http://127.0.0.1:9090",), every_s, once=once))


@main.command()
@click.argument("address", default="http://127.0.0.1:9090/healthz")
def health(address: str) -> None:
    """Ask the part at ADDRESS whether it is well: status 0 or 1. For containers."""
    from statflow.health import is_well

    sys.exit(0 if is_well(address) else 1)


@main.command()
@command
@click.option("--port", default=0, help="Port on loopback; 0 takes a free one.")
def store(context: Context, port: int) -> None:
    """Run the embedded store: ClickHouse's engine behind ClickHouse's HTTP protocol."""
    from statflow.role_store import serve_store

    serve_store(context.paths, port)


@main.command()
@command
def migrate(context: Context) -> None:
    """Bring the schemas of the store and of the accounts database up to date."""
    from statflow.accounts import open_accounts
    from statflow.services import open_store
    from store.migrate import migrate as migrate_store

    with open_store(context.settings, context.paths) as opened:
        applied = migrate_store(opened, context.settings.clickhouse_cluster)
    with open_accounts(context.settings, context.paths):
        pass
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.group()
def user() -> None:
    """People who may open the portal."""


@user.command("add")
@command
@click.argument("email")
@click.option("--admin", is_flag=True, help="Administrator of the installation, owner of Default.")
def user_add(context: Context, email: str, admin: bool) -> None:
    """Add EMAIL; the password comes from STATFLOW_PASSWORD or standard input. Prints JSON."""
    from portal.commands import add_user
    from statflow.accounts import open_accounts

    password = context.settings.password or _ask_password()
    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        added = add_user(session, email, password, admin=admin)
        answer = {"id": added.id, "email": added.email, "admin": added.is_admin}
    print_json(answer)


@user.command("reset")
@command
@click.argument("email")
def user_reset(context: Context, email: str) -> None:
    """Print a link with which EMAIL sets a new password; once, within an hour."""
    from portal.accounts.one_time import reset_path
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        path = reset_path(session, email)
    click.echo(context.settings.public_url.rstrip("/") + path)


@user.command("confirm")
@command
@click.argument("email")
def user_confirm(context: Context, email: str) -> None:
    """Say that the address EMAIL is its account's, so that single sign-on may open it."""
    from portal.commands import confirm_person
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        confirm_person(session, email)
    click.echo(f"{email} is confirmed")


@user.command("factors")
@command
@click.argument("email")
@click.option("--remove", is_flag=True, help="Take all of them away, for a lost phone or key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def user_factors(context: Context, email: str, remove: bool, as_json: bool) -> None:
    """List what EMAIL signs in with besides a password, or take the second factors away."""
    from portal.accounts.factors import list_factors, remove_factors
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        removed = remove_factors(session, email) if remove else None
        rows = list_factors(session, email)
    if as_json:
        print_json({"factors": rows} | ({"removed": removed} if remove else {}))
        return
    if remove:
        click.echo(f"removed {removed}; a password alone opens the account of {email} now")
    table = []
    for row in rows:
        used = row.get("last_used") or "never"
        told = f"{row['left']} left" if "left" in row else f"since {row['since']}, used {used}"
        table.append((str(row["kind"]), str(row["name"]), told))
    print_table(table)
    if not rows and not remove:
        click.echo("none")


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@main.group()
def token() -> None:
    """Tokens for the API."""


@token.command("create")
@command
@click.argument("email")
@click.option("--site", "host", required=True, help="The one site it opens.")
@click.option("--scope", default="stats:read", show_default=True, help="Comma-separated scopes.")
def token_create(context: Context, email: str, host: str, scope: str) -> None:
    """Create a token for EMAIL; shown this once. Prints JSON."""
    from portal.commands import create_token
    from statflow.accounts import open_accounts

    scopes = [part.strip() for part in scope.split(",") if part.strip()]
    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.writing() as session,
    ):
        token = create_token(session, email, host, scopes)
    print_json({"token": token})


@main.command("import")
@command
@click.argument("host")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--format", "form", type=click.Choice(["statflow", "plausible", "umami", "ga4", "matomo"]),
    default="statflow", show_default=True,
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check and count only.")
@click.option("--counts", is_flag=True, help="Write how many rows are in, a line each time.")
def import_file(
    context: Context, host: str, file: Path, form: str, dry_run: bool, counts: bool
) -> None:
    """Import FILE into HOST; the same file twice changes nothing. Prints JSON.

    FILE is NDJSON, or an export of another product: Plausible's archive, Umami's website_event.csv,
    GA4's events of BigQuery or daily reports, Matomo's visits (docs/data.md).
    """
    from statflow.importing import import_events_file

    def show(done: int, _what: str) -> None:
        click.echo(done, err=True)

    print_json(
        import_events_file(
            context.settings, context.paths, host, file, form, dry_run=dry_run,
            show=show if counts else None,
        )
    )  # fmt: skip


@main.group()
def imports() -> None:
    """What was imported into a site."""


@imports.command("list")
@command
@click.argument("host")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def imports_list(context: Context, host: str, as_json: bool) -> None:
    """List the imports of HOST."""
    from statflow.import_commands import show_imports

    show_imports(context, host, as_json=as_json)


@imports.command("remove")
@command
@click.argument("host")
@click.argument("name", metavar="IMPORT")
@click.option("--yes", is_flag=True, help="Do not ask whether you are sure.")
def imports_remove(context: Context, host: str, name: str, yes: bool) -> None:
    """Remove IMPORT from HOST with all its rows. Prints JSON."""
    from statflow.import_commands import remove

    remove(context, host, name, yes=yes)


@main.command("export")
@command
@click.argument("host")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format", "form", type=click.Choice(["ndjson", "parquet"]), default="ndjson",
    show_default=True,
)  # fmt: skip
def export(context: Context, host: str, folder: Path, form: str) -> None:
    """Write the events of HOST into FOLDER, a file a month. Prints JSON."""
    from statflow.exporting import export_site

    print_json(export_site(context.settings, context.paths, host, folder, form))


@main.command()
@command
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(context: Context, as_json: bool) -> None:
    """Check every part, one line each; status 1 if one is wrong."""
    from statflow.doctor import examine

    findings = examine(context.settings, context.paths)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        print_table([[f.mark, f.part, f.said] for f in findings])
    sys.exit(0 if all(finding.good for finding in findings) else 1)


@main.group(hidden=True)
def demo() -> None:
    """Parts of `up --demo`."""


@demo.command("shop")
@command
@click.option("--port", required=True, type=int)
def demo_shop(_context: Context, port: int) -> None:
    """Serve the demo shop."""
    from statflow.demo.shop import serve_shop

    async def run(stop: asyncio.Event) -> None:
        task = asyncio.create_task(serve_shop("127.0.0.1", port))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    _serve(run)


@demo.command("seed")
@command
@click.argument("host")
def demo_seed(context: Context, host: str) -> None:
    """Give the demo shop 90 days of traffic, once."""
    from statflow.importing import seed_demo

    seed_demo(context.settings, context.paths, host)


if __name__ == "__main__":
    main()
