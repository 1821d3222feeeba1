"""``statflow site``: the sites behind the edge, from the command line.

The portal's pages do the same through the same functions (``portal.commands``). Each change is
published to the edges at once; where that fails, the portal sends it later.
"""

from typing import Any

import click

from statflow.command import Context, command
from statflow.erase_commands import REASON, WAIT, YES, erase_rows, reset_site
from statflow.output import print_json, print_table


@click.group()
def site() -> None:
    """Sites behind the edge."""


@site.command("add")
@command
@click.argument("host")
@click.option(
    "--upstream", required=True, help="Where the site's pages come from: http://HOST:PORT"
)
@click.option(
    "--timezone", default="UTC", show_default=True, help="IANA name, such as Europe/Paris."
)
@click.option("--team", default="Default", show_default=True)
def site_add(context: Context, host: str, upstream: str, timezone: str, team: str) -> None:
    """Add HOST; the edge serves it within two seconds. Prints JSON."""
    from portal.commands import add_site
    from statflow.accounts import open_accounts, publish_sites

    with open_accounts(context.settings, context.paths) as accounts:
        with accounts.writing() as session:
            added = add_site(session, host, upstream, timezone=timezone, team=team)
            answer = {
                "id": added.id,
                "host": added.host,
                "public_key": added.public_key,
                "upstream": upstream,
                "timezone": added.timezone,
            }
        print_json(answer)
        problem = publish_sites(context.settings, context.paths, accounts)
    if problem:
        click.echo(f"statflow: {problem}", err=True)


@site.command("list")
@command
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def site_list(context: Context, as_json: bool) -> None:
    """List the sites."""
    from portal.commands import sites_payload
    from statflow.accounts import open_accounts

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        sites = sites_payload(session)
    if as_json:
        print_json(sites)
        return
    rows = [[str(s["id"]), s["host"], " ".join(s["upstreams"]), s["timezone"]] for s in sites]
    print_table([["ID", "HOST", "UPSTREAM", "TIME ZONE"], *rows])


@site.command("set")
@command
@click.argument("host")
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE…")
def site_set(context: Context, host: str, changes: tuple[str, ...]) -> None:
    """Change HOST's switches, such as mode=canary canary_percent=5; live within two seconds.

    A wrong NAME is answered with the list of them. Prints the site as JSON.
    """
    from portal.commands import site_named, site_payload
    from portal.sites.switches import change_site
    from statflow.accounts import open_accounts, publish_sites

    pairs = [change.partition("=") for change in changes]
    if wrong := next((name for name, sign, _ in pairs if not sign), None):
        raise click.UsageError(f"{wrong!r}: expected NAME=VALUE")
    with open_accounts(context.settings, context.paths) as accounts:
        with accounts.writing() as session:
            found = site_named(session, host)
            change_site(session, found, {name: value for name, _, value in pairs})
            answer = site_payload(found)
        print_json(answer)
        problem = publish_sites(context.settings, context.paths, accounts)
    if problem:
        click.echo(f"statflow: {problem}", err=True)


@site.command("verify")
@command
@click.argument("host")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def site_verify(context: Context, host: str, as_json: bool) -> None:
    """Look at HOST through the edge, as a visitor does; status 1 if something is wrong."""
    from portal.commands import site_named, site_payload
    from portal.sites.payload import injection_is_on
    from portal.sites.verification import Found
    from statflow.accounts import open_accounts
    from statflow.verifying import Verifier, as_rows

    with (
        open_accounts(context.settings, context.paths) as accounts,
        accounts.reading() as session,
    ):
        payload, on = site_payload(site_named(session, host)), injection_is_on(session)
    checks = Verifier(context.settings, context.paths)(payload, injection=on)
    if as_json:
        print_json(as_rows(checks))
    else:
        print_table([[check.found.upper(), check.what, check.said] for check in checks])
    if any(check.found is Found.WRONG for check in checks):
        raise SystemExit(1)


@site.command("reset")
@command
@click.argument("host")
@REASON
@WAIT
@YES
def site_reset(context: Context, host: str, **options: Any) -> None:
    """Erase all numbers of HOST (or of a site's number); what comes later is kept."""
    reset_site(context, host, **options)


@click.command()
@command
@click.argument("host")
@click.option("--before", metavar="TIME", help="Only what lies before; a day or a moment.")
@click.option("--after", metavar="TIME", help="Only what lies at or after.")
@click.option("--path", metavar="PATTERN", help="Only pages such as /admin/*.")
@click.option("--property", "prop", metavar="NAME[=VALUE]", help="Only events with this property.")
@click.option("--visitor", type=int, help="Only this visitor's hash.")
@click.option("--dry-run", is_flag=True, help="Count what would go, and erase nothing.")
@REASON
@WAIT
@YES
def erase(context: Context, host: str, **options: Any) -> None:
    """Erase the events of HOST that meet every condition; their visits are counted anew.

    Times are by the site's clock unless they name a zone. Prints JSON.
    """
    erase_rows(context, host, **options)


@click.command()
@command
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
def injection(context: Context, state: str | None) -> None:
    """Throw the kill switch for all sites (off), put it back (on), or say how it stands."""
    from portal.sites.payload import injection_is_on, set_injection
    from statflow.accounts import open_accounts, publish_sites

    with open_accounts(context.settings, context.paths) as accounts:
        with accounts.writing() as session:
            if state is not None:
                set_injection(session, on=state == "on")
            answer = {"injection": injection_is_on(session)}
        print_json(answer)
        problem = publish_sites(context.settings, context.paths, accounts) if state else ""
    if problem:
        click.echo(f"statflow: {problem}", err=True)
