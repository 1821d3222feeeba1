"""``statflow site``: the sites behind the edge, from the command line.

The portal's pages do the same through the same functions (``portal.commands``). Each change is
published to the edges at once; where that fails, the portal sends it later.
"""

import click

from statflow.command import Context, command
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
                "upstream": added.upstreams[0],
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
