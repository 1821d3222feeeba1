"""``statflow front``: configurations for web servers before, or instead of, a Python edge.

Reads what a configuration depends on (the snapshot, the certificates' names, the settings) and
prints it; what it says is ``edge.fronts.nginx``. The one invariant: on any error nothing is
printed to standard output, so that a redirect into a file never leaves half a configuration.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from statflow.command import Context, command

if TYPE_CHECKING:
    from edge.fronts.nginx import NginxOptions
    from edge.inject.tag import Tag
    from edge.sites import Snapshot

_WEEKS_AHEAD = 8
"""For how long the names of quiet sites in a generated configuration serve."""
_WEEK_S = 604_800

NGINX_SCRIPTS = Path(__file__).parents[1] / "edge" / "fronts" / "nginx_js"
"""Installed with the package; a generated configuration names it by its absolute path."""

_NJS_MODULE = "ngx_http_js_module.so"
_MODULE_FOLDERS = (
    Path("/usr/lib/nginx/modules"),
    Path("/usr/lib64/nginx/modules"),
    Path("/etc/nginx/modules"),
)
_AUTHORITIES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)


@click.group()
def front() -> None:
    """Configurations for web servers before the edge."""


@front.command("nginx")
@command
@click.option(
    "--inject",
    type=click.Choice(["edge", "njs", "sub_filter"]),
    default="edge",
    show_default=True,
    help="Who puts the script into pages.",
)
@click.option(
    "--sites",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The sites snapshot (default: STATFLOW_SITES_FILE, else sites.json of the data folder).",
)
@click.option(
    "--tls-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Certificates: HOST/fullchain.pem, HOST/privkey.pem (default: STATFLOW_TLS_DIR).",
)
@click.option("--edge", default="127.0.0.1:8080", show_default=True, help="Where the edge listens.")
@click.option("--bind", default="", help="Address to listen at (default: all, IPv4 and IPv6).")
@click.option("--port", default=80, show_default=True, help="For plain HTTP.")
@click.option("--tls-port", default=443, show_default=True, help="For HTTPS.")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for nginx's pid and temporary files, for an nginx without root.",
)
@click.option(
    "--hits-socket",
    default="",
    help="With njs and sub_filter: unix socket of a syslog reader that is told of pages.",
)
def front_nginx(context: Context, inject: str, sites: Path | None, **given: Any) -> None:
    """Print a whole nginx.conf for the sites.

    With --inject edge a Python edge behind nginx inserts the script; start it with
    STATFLOW_TRUSTED_PROXIES=loopback. The other two variants insert it without Python and can do
    less; what they cannot do is refused.
    """
    from edge.fronts.nginx import Inject, render_nginx

    settings = context.settings
    file = sites or settings.sites_file or context.paths.sites_file
    snapshot = _without_expired(_read_snapshot(file, settings.default_site), time.time())
    options = _options(context, Inject(inject), snapshot, **given)
    click.echo(render_nginx(snapshot, options), nl=False)


def _read_snapshot(file: Path, default_site: str) -> "Snapshot":
    from edge.fronts.nginx import NginxError
    from edge.sites import SnapshotError, parse_snapshot

    try:
        return replace(parse_snapshot(file.read_bytes()), default_host=default_site)
    except OSError as error:
        raise NginxError(f"no sites: {file}: {error.strerror} (--sites)") from None
    except SnapshotError as error:
        raise NginxError(f"{file}: {error}") from None


def _options(
    context: Context,
    inject: Any,
    snapshot: "Snapshot",
    *,
    tls_dir: Path | None,
    run_dir: Path | None,
    **given: Any,
) -> "NginxOptions":
    from edge.collector.client_ip import list_networks
    from edge.fronts import nginx
    from edge.fronts.nginx_certificates import find_certificates
    from edge.sites import normal_host
    from edge.upstream_ranges import UpstreamRanges

    settings = context.settings
    now_s = time.time()
    if settings.proxy_protocol:
        raise nginx.NginxError(
            "STATFLOW_PROXY_PROTOCOL: nginx speaks plain HTTP to the edge; take it out"
        )
    folder = tls_dir or settings.tls_dir
    return nginx.NginxOptions(
        inject=inject,
        certificates=find_certificates(folder) if folder else {},
        trusted=tuple(map(str, list_networks(settings.trusted_proxies))),
        allowed=UpstreamRanges(settings.upstream_ranges),
        acme_dir=str(settings.acme_dir or ""),
        authorities=str(_first_file(_AUTHORITIES)),
        run_dir=str(run_dir.absolute()) if run_dir else "",
        njs_module=str(_first_file(tuple(path / _NJS_MODULE for path in _MODULE_FOLDERS))),
        scripts=str(NGINX_SCRIPTS),
        tags=_tags(snapshot) if inject is not nginx.Inject.EDGE else {},
        snippet_host=normal_host(urlsplit(settings.edge_host).netloc),
        drain_s=settings.drain_s,
        names=_quiet_names(snapshot, now_s),
        names_until=_date(now_s + _WEEKS_AHEAD * _WEEK_S) if _has_quiet(snapshot) else "",
        **given,
    )


def _without_expired(snapshot: "Snapshot", now_s: float) -> "Snapshot":
    """Take out former names that answer no more: their paths are the origin's alone."""
    return replace(
        snapshot,
        sites=tuple(
            replace(
                site,
                former_names=tuple(name for name in site.former_names if now_s < name.until_s),
            )
            for site in snapshot.sites
        ),
    )


def _has_quiet(snapshot: "Snapshot") -> bool:
    return any(site.quiet_seed for site in snapshot.sites)


def _quiet_names(snapshot: "Snapshot", now_s: float) -> dict[int, tuple[str, ...]]:
    """List names outside the prefixes for the weeks to come: nginx cannot work them out."""
    from edge.names import list_paths

    listed = {site.id: tuple(list_paths(site, now_s, _WEEKS_AHEAD)) for site in snapshot.sites}
    return {site_id: paths for site_id, paths in listed.items() if paths}


def _date(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d")


def _first_file(places: tuple[Path, ...]) -> Path:
    """Find the first that exists, else name the first: nginx then says that it is missing."""
    return next((place for place in places if place.is_file()), places[0])


def _tags(snapshot: "Snapshot") -> "dict[int, Tag]":
    """Build each site's script as the edge does, to know its name."""
    from statflow.scripts import open_builds

    builds = open_builds()
    return {site.id: builds.for_site(site).tag for site in snapshot.sites}
