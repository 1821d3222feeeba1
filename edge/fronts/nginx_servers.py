"""The servers of a generated nginx configuration: one for each site and certificate, and nobody's.

A site's locations are the same under every certificate: what may be a page goes to whoever puts
the tag in, what may be ours to the edge, all else to the origin. Values used here are set in
``nginx_maps`` and ``nginx_site_maps``. The one invariant: a request whose host is nobody's reaches
nothing, and one that might be ours is never answered by an origin while the edge lives.
"""

import re
from collections.abc import Sequence

from edge.fronts.nginx_inject import page_location
from edge.fronts.nginx_maps import CLAIMS, ERRORS, claim_variable
from edge.fronts.nginx_options import Inject, NginxOptions, Pair
from edge.fronts.nginx_site_maps import EDGE, is_quiet, redirects, upstream_of
from edge.fronts.nginx_text import Lines, block, literal
from edge.fronts.reception import upstream_name
from edge.sites import ClientIpSource, Https, Measure, Mode, Site, Snapshot
from edge.wire.limits import FIRST_BYTE_TIMEOUT_S

_OWN_NAMES = r"e|p(?:\.gif)?|opt-out|(?:[0-9a-f]{8,12}|tracker)\.js|m/[^/]+\.js"
_REAL_IP_HEADERS = {
    ClientIpSource.X_FORWARDED_FOR: "X-Forwarded-For",
    ClientIpSource.CF_CONNECTING_IP: "CF-Connecting-IP",
    ClientIpSource.TRUE_CLIENT_IP: "True-Client-IP",
}


def error_pages(*, but: frozenset[int] = frozenset()) -> Lines:
    """Send errors of nginx's own to our error page; answers of origins are never touched."""
    codes = [301, 308, 400, 405, 413, 414, 421, 502, 503, 504]
    kept = " ".join(str(code) for code in codes if code not in but)
    return [
        f"error_page {kept} {ERRORS};",
        f"error_page 494 =431 {ERRORS};",
        f"error_page 495 496 497 501 505 =400 {ERRORS};",
        f"error_page 500 =502 {ERRORS};",
    ]


def render_nobody(snapshot: Snapshot, options: NginxOptions) -> Lines:
    """Answer names that are no site's: 421, and over TLS an alert instead of a certificate."""
    is_default = " default_server" if not snapshot.default_host else ""
    names = [*_listen(options, options.port, is_default)]
    if options.certificates:
        names += _listen(options, options.tls_port, " ssl http2 default_server")
        names.append("ssl_reject_handshake on;")
    return block(
        "server",
        [*names, 'server_name "";'],
        block("location /", [*_check_host(), "return 421;"]),
        _error_location(hsts=False),
    )


def render_site(snapshot: Snapshot, site: Site, options: NginxOptions) -> Lines:
    """Write a site's servers: one for each certificate, one for its hosts without."""
    by_pair: dict[Pair | None, list[str]] = {}
    for host in site.hosts:
        by_pair.setdefault(_find_certificate(host, options), []).append(host)
    is_default = snapshot.by_host.get(snapshot.default_host) is site
    lines: Lines = []
    for pair, hosts in by_pair.items():
        default = " default_server" if is_default and not lines else ""
        head = _head(hosts, pair, options, default)
        lines += block("server", head, [""], _site_body(snapshot, site, options))
    return lines


def render_snippet_host(snapshot: Snapshot, options: NginxOptions) -> Lines:
    """Write the server of the edge's own host, for sites that are not behind it.

    The edge finds the site of a request (``edge.snippet``); which field its proxy tells the address
    in cannot be known here, so before nginx it is X-Forwarded-For.
    """
    host = options.snippet_host
    if not host or host in snapshot.by_host:
        return []
    real_ip = ["real_ip_header X-Forwarded-For;"] if options.trusted else []
    own = [*_check_host(), *error_pages(), *_to_edge(frozenset(_REAL_IP_HEADERS.values()))]
    return block(
        "server",
        _head([host], _find_certificate(host, options), options, ""),
        [*real_ip, "client_max_body_size 0;"],
        block("location ^~ /sf/", own),
        block("location /", [*_check_host(), "return 421;"]),
        _error_location(hsts=False),
    )


def _head(hosts: list[str], pair: Pair | None, options: NginxOptions, default: str) -> Lines:
    head = [*_listen(options, options.port, default)]
    if options.certificates:
        head += _listen(options, options.tls_port, " ssl http2")
    if options.certificates and pair is None:
        head.append("ssl_reject_handshake on;")
    if pair is not None:
        head += [
            f"ssl_certificate {literal(pair.chain, 'TLS folder')};",
            f"ssl_certificate_key {literal(pair.key, 'TLS folder')};",
        ]
    return [*head, f"server_name {' '.join(hosts)};"]


def _find_certificate(host: str, options: NginxOptions) -> Pair | None:
    """Find a host's own certificate, else a wildcard one level up."""
    own = options.certificates.get(host)
    return own or options.certificates.get("*." + host.partition(".")[2])


def _listen(options: NginxOptions, port: int, extra: str) -> Lines:
    addresses = [options.bind] if options.bind else ["", "[::]"]
    return [f"listen {address + ':' if address else ''}{port}{extra};" for address in addresses]


def _site_body(snapshot: Snapshot, site: Site, options: NginxOptions) -> Lines:
    if not site.origins:
        return _events_only_body(site, options)
    touched = snapshot.injection and site.mode is not Mode.OFF and site.measure is not Measure.EDGE
    hsts = site.https is Https.REDIRECT_HSTS
    real_ip = _REAL_IP_HEADERS.get(site.client_ip) if options.trusted else None
    return [
        f"client_max_body_size {site.max_body_bytes};",
        *([f"real_ip_header {real_ip};"] if real_ip else []),
        *(["add_header Strict-Transport-Security $sf_hsts always;"] if hsts else []),
        *_to_origin(site, options),
        "",
        *_acme_location(options),
        *_own_locations(site, options),
        *block("location /", _main(site, options, touched=touched)),
        *(_quiet_location(site) if is_quiet(site, options) else []),
        *(_inject_locations(site, options) if touched else []),
        *block("location @origin", [f"proxy_pass {_origin_url(site)};"]),
        *_stream_location(site),
        *block("location @failed", ["return 502;"]),
        *_error_location(hsts=hsts),
    ]


def _events_only_body(site: Site, options: NginxOptions) -> Lines:
    """Let the edge take a site's events; it has no upstream, so there are no pages."""
    real_ip = _REAL_IP_HEADERS.get(site.client_ip) if options.trusted else None
    return [
        "client_max_body_size 0;",
        *([f"real_ip_header {real_ip};"] if real_ip else []),
        *_acme_location(options),
        *block("location /", [*_check_host(), *error_pages(), *_to_edge_of(site)]),
        *block("location @origin", ["return 421;"]),
        *_error_location(hsts=False),
    ]


def _main(site: Site, options: NginxOptions, *, touched: bool) -> Lines:
    """Send a request its way; ``return 418`` only jumps to the location that the map names."""
    route = "$sf_route" if touched else "$sf_route_unmarked"
    if is_quiet(site, options):
        route += f"_{site.id}"
    moved, base = f"$sf_moved_{site.id}", f"$sf_base_{site.id}"
    away = [
        f"if ({moved} = 301) {{ return 301 {base}$request_uri; }}",
        f"if ({moved} = 308) {{ return 308 {base}$request_uri; }}",
    ]
    return [
        *_check_host(),
        f"error_page 418 = {route};",
        *error_pages(),
        *([f"if ($sf_ours_{site.id}) {{ return 418; }}"] if is_quiet(site, options) else []),
        *(away if redirects(site) else []),
        *(["return 503;"] if site.maintenance else []),
        f"if ({route}) {{ return 418; }}",
        f"proxy_pass {_origin_url(site)};",
    ]


def _check_host() -> Lines:
    return ["if ($sf_bad_host) { return 400; }"]


def _origin_url(site: Site) -> str:
    return f"{site.origins[0].scheme}://{upstream_of(site)}"


def _to_origin(site: Site, options: NginxOptions) -> Lines:
    """Tell the origin what the Python fronts tell it, and speak to it by its name."""
    host = literal(site.upstream_host, "upstream_host") if site.upstream_host else "$sf_authority"
    lines = [
        f"proxy_set_header Host {host};",
        "proxy_set_header Cookie $sf_cookie;",
        "proxy_set_header X-Forwarded-For $sf_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $sf_scheme;",
        "proxy_set_header X-Forwarded-Host $sf_forwarded_host;",
        "proxy_set_header Forwarded $sf_forwarded;",
        *_claims(),
        *_hop(),
        "proxy_set_header Upgrade $sf_upgrade;",
        "proxy_set_header Connection $sf_connection;",
    ]
    if site.origins[0].scheme == "https":
        lines += [
            "proxy_ssl_server_name on;",
            f"proxy_ssl_name {literal(upstream_name(site.origins[0], site), 'upstreams')};",
            "proxy_ssl_verify on;",
            "proxy_ssl_verify_depth 5;",
            "proxy_ssl_protocols TLSv1.2 TLSv1.3;",
            f"proxy_ssl_trusted_certificate {literal(options.authorities, 'authorities')};",
        ]
    return lines


def _claims(*, told: frozenset[str] = frozenset()) -> Lines:
    return [
        f"proxy_set_header {name} {'$remote_addr' if name in told else claim_variable(name)};"
        for name in CLAIMS
    ]


def _hop() -> Lines:
    return [
        f'proxy_set_header {name} "";'
        for name in ("HTTP2-Settings", "Proxy-Authorization", "Proxy-Connection")
    ]


def _to_edge_of(site: Site) -> Lines:
    return _to_edge(frozenset({_REAL_IP_HEADERS.get(site.client_ip, "")}))


def _to_edge(told: frozenset[str]) -> Lines:
    """Tell the edge who the client is: one address, which nginx has found already.

    With STATFLOW_TRUSTED_PROXIES=loopback the edge believes it, in the field its site names, which
    is one of ``told``, and for ``X-Sf-Front`` adds no hop of its own to what the origin is told.
    """
    return [
        f"proxy_pass http://{EDGE};",
        "proxy_connect_timeout 1s;",
        f"proxy_read_timeout {FIRST_BYTE_TIMEOUT_S + 5:.0f}s;",
        "proxy_set_header Host $sf_authority;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $sf_scheme;",
        "proxy_set_header X-Forwarded-Host $sf_forwarded_host;",
        "proxy_set_header Forwarded $sf_forwarded;",
        "proxy_set_header X-Sf-Front 1;",
        *_claims(told=told),
        *_hop(),
        'proxy_set_header Connection "";',
    ]


def _own_locations(site: Site, options: NginxOptions) -> Lines:
    """Let the edge judge everything under the prefix and under former ones, which it forgets.

    What is surely ours is never asked for elsewhere; all else there is the origin's when the edge
    is dead.
    """
    scripts: dict[str, dict[str, None]] = {site.prefix: {site.script_name: None}}
    for former in site.former_names:
        scripts.setdefault(former.prefix, {})[former.script_name] = None
    return [
        line
        for prefix, names in scripts.items()
        for line in _prefix_location(site, options, prefix, [name for name in names if name])
    ]


def _prefix_location(
    site: Site, options: NginxOptions, prefix: str, scripts: Sequence[str]
) -> Lines:
    own = re.escape(prefix).replace("\\-", "-")
    names = "|".join((_OWN_NAMES, *(f"{name}\\.js" for name in scripts)))
    surely = block(
        f'location ~ "^{own}/(?:{names})$"', [*_check_host(), *error_pages(), *_to_edge_of(site)]
    )
    fallback = "$sf_fallback" if options.inject is Inject.EDGE else "@failed"
    rest = [
        *_check_host(),
        f"error_page 502 504 = {fallback};",
        *error_pages(but=frozenset({502, 504})),
        *_to_edge_of(site),
    ]
    return block(f"location ^~ {prefix}/", ["client_max_body_size 0;"], surely, rest)


def _quiet_location(site: Site) -> Lines:
    return block("location @ours", error_pages(), _to_edge_of(site))


def _inject_locations(site: Site, options: NginxOptions) -> Lines:
    if options.inject is not Inject.EDGE:
        return page_location(site, options, _origin_url(site), _to_origin(site, options))
    return block(
        "location @edge",
        ["error_page 502 504 = $sf_fallback;", *error_pages(but=frozenset({502, 504}))],
        _to_edge_of(site),
    )


def _acme_location(options: NginxOptions) -> Lines:
    """Answer a challenge from the folder if the file is there, else let the origin do it."""
    if not options.acme_dir:
        return block(
            "location ^~ /.well-known/acme-challenge/",
            [*_check_host(), "error_page 418 = @origin;", "return 418;"],
        )
    folder = literal(options.acme_dir, "STATFLOW_ACME_DIR")
    return block(
        r'location ~ "^/\.well-known/acme-challenge/(?<sf_token>[A-Za-z0-9_-]{1,256})$"',
        [
            *_check_host(),
            f"root {folder};",
            "disable_symlinks on from=$document_root;",
            "default_type text/plain;",
            "add_header Cache-Control no-store;",
            "try_files /.well-known/acme-challenge/$sf_token /$sf_token @origin;",
        ],
    )


def _stream_location(site: Site) -> Lines:
    """Let event streams and WebSocket be silent for as long as they like."""
    return block(
        "location @stream",
        [
            f"proxy_pass {_origin_url(site)};",
            "proxy_read_timeout 7d;",
            "proxy_send_timeout 7d;",
            "proxy_hide_header Alt-Svc;",
        ],
    )


def _error_location(*, hsts: bool) -> Lines:
    """Write our error pages: plain text that names no product, kept by no cache."""
    return block(
        f"location = {ERRORS}",
        [
            "internal;",
            "keepalive_timeout 0;",
            "default_type text/plain;",
            "charset utf-8;",
            "add_header Cache-Control no-store always;",
            "add_header X-Content-Type-Options nosniff always;",
            "add_header X-Request-Id $request_id always;",
            "add_header Retry-After $sf_retry_after always;",
            *(["add_header Strict-Transport-Security $sf_hsts always;"] if hsts else []),
            "return 200 $sf_error_text;",
        ],
    )
