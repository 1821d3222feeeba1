"""What each site adds outside its servers: where its origins are, and variables of its own.

Where a request belongs instead (HTTPS, the canonical host), and which paths of a quiet site are
ours. What uses them is ``nginx_servers``. The one invariant: every address that a request is sent
to is written here in full, host by host; nothing that a client says becomes part of a host.
"""

from edge.fronts.nginx_options import NginxOptions
from edge.fronts.nginx_text import Lines, block, comment, literal
from edge.sites import Https, Site, Snapshot
from edge.wire.hsts import HSTS

EDGE = "sf_edge"
_HTTPS_PORT = 443


def upstream_of(site: Site) -> str:
    """Name the group of a site's upstreams."""
    return f"sf_site_{site.id}"


def render_upstreams(snapshot: Snapshot, options: NginxOptions) -> Lines:
    """Write where the edge and every origin are."""
    edge = block(
        f"upstream {EDGE}",
        [
            *comment("A dead or hanging edge is asked again after 10 s; the second line, which"),
            *comment("nobody ever reaches, only makes nginx keep count."),
            f"server {options.edge} max_fails=3 fail_timeout=10s;",
            f"server {options.edge} backup down;",
            "keepalive 64;",
            "keepalive_timeout 60s;",
            "keepalive_requests 100000;",
        ],
    )
    sites = [site for site in snapshot.sites if site.origins]
    return [*edge, *(line for site in sites for line in _upstream(site))]


def _upstream(site: Site) -> Lines:
    servers: Lines = []
    for origin in site.origins:
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        address = literal(f"{host}:{origin.port}", f"site {site.host}: upstreams")
        backup = " backup" if servers else ""
        servers.append(f"server {address} max_fails=3 fail_timeout=10s{backup};")
    return block(
        f"upstream {upstream_of(site)}",
        [*servers, "keepalive 64;", "keepalive_timeout 30s;", "keepalive_requests 100000;"],
    )


def render_redirect_maps(snapshot: Snapshot, options: NginxOptions) -> Lines:
    """Write, for the sites that want it, where a request belongs instead."""
    suffix = "" if options.tls_port == _HTTPS_PORT else f":{options.tls_port}"
    shared = [
        *block("map $sf_port $sf_tls_port", [f'default "{suffix}";', '"" "";', '80 "";']),
        *block(
            'map "$sf_scheme:$sf_port" $sf_kept_port',
            ['default ":$sf_port";', '"~:$" "";', '"http:80" "";', '"https:443" "";'],
        ),
        *block(
            'map "$sf_scheme:$upstream_http_strict_transport_security" $sf_hsts',
            ['default "";', f'"https:" "{HSTS[1].decode()}";'],
        ),
    ]
    sites = [site for site in snapshot.sites if redirects(site)]
    return [*shared, *(line for site in sites for line in _redirect_map(site))]


def redirects(site: Site) -> bool:
    """Tell whether some requests of a site belong elsewhere."""
    return site.https is not Https.OFF or bool(site.canonical_host)


def _redirect_map(site: Site) -> Lines:
    """Map scheme and host to the base of another address, or to nothing."""
    rows: Lines = []
    for host in site.hosts:
        target = site.canonical_host or host
        plain = f"http://{target}$sf_kept_port" if target != host else ""
        if site.https is not Https.OFF:
            plain = f"https://{target}$sf_tls_port"
        secure = f"https://{target}$sf_kept_port" if target != host else ""
        rows += [f'"http:{host}" "{plain}";', f'"https:{host}" "{secure}";']
    base, moved = f"$sf_base_{site.id}", f"$sf_moved_{site.id}"
    return [
        *block(f'map "$sf_scheme:$host" {base}', ['default "";', *rows]),
        *block(
            f'map "$request_method|{base}" {moved}',
            ["default 308;", '"~\\|$" "";', '"~^(?:GET|HEAD)\\|" 301;'],
        ),
    ]


def render_quiet_maps(snapshot: Snapshot, options: NginxOptions) -> Lines:
    """Write which paths outside the prefixes are ours: those of quiet mode, also a former one."""
    sites = [site for site in snapshot.sites if is_quiet(site, options)]
    return [line for site in sites for line in _quiet_map(site, options)]


def is_quiet(site: Site, options: NginxOptions) -> bool:
    """Tell whether a site has paths of ours outside its prefixes."""
    return bool(options.names.get(site.id))


def _quiet_map(site: Site, options: NginxOptions) -> Lines:
    rows = ["default 0;"]
    for name in options.names[site.id]:
        path = literal(name, f"site {site.host}: names")
        rows.append(f'"~^{path}" 1;' if name.endswith("/") else f"{path} 1;")
    ours = f"$sf_ours_{site.id}"
    lines = block(f"map $uri {ours}", rows)
    for route in ("$sf_route", "$sf_route_unmarked"):
        rows = [f"default {route};", "1 @ours;"]
        lines += block(f"map {ours} {route}_{site.id}", rows)
    return lines
