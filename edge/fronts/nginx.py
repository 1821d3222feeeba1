"""The nginx front: a whole ``nginx.conf`` from a sites snapshot.

nginx terminates TLS and HTTP/2, answers for names that are nobody's and carries everything but
pages natively; what may be a page and what may be ours goes to a Python edge on loopback, or, in
the variants without Python in the page's path, gets its tag by njs or by ``sub_filter``. Pure:
values in, text out; reading files and starting nginx is the operator's. The one invariant: what
cannot be said in nginx's words is an error here, never left out in silence.
"""

from edge.fronts.nginx_checks import check_sites
from edge.fronts.nginx_inject import http_lines, module_lines
from edge.fronts.nginx_maps import render_maps
from edge.fronts.nginx_notes import head_notes, log_notes
from edge.fronts.nginx_options import Inject, NginxOptions
from edge.fronts.nginx_servers import (
    error_pages,
    render_nobody,
    render_site,
    render_snippet_host,
)
from edge.fronts.nginx_site_maps import (
    render_quiet_maps,
    render_redirect_maps,
    render_upstreams,
)
from edge.fronts.nginx_text import Lines, NginxError, block, literal
from edge.sites import Snapshot
from edge.wire.limits import (
    BETWEEN_BYTES_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    FIRST_BYTE_TIMEOUT_S,
    HEAD_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    MAX_HEAD_BYTES,
)

__all__ = ["Inject", "NginxError", "NginxOptions", "render_nginx"]

_X_ACCEL = ("Buffering", "Charset", "Expires", "Limit-Rate", "Redirect")


def render_nginx(snapshot: Snapshot, options: NginxOptions) -> str:
    """Write the configuration.

    Raises:
        NginxError: A site, or an option, asks for what cannot be expressed.
    """
    options.check()
    check_sites(snapshot, options)
    lines = [
        *head_notes(options, snapshot.number),
        "",
        *module_lines(options),
        *_process(options),
        "",
        *block("events", ["worker_connections 8192;"]),
        "",
        *block("http", _http(options), [""], _sites(snapshot, options)),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _process(options: NginxOptions) -> Lines:
    pid = [f"pid {literal(options.run_dir + '/nginx.pid', 'run folder')};"]
    return [
        "worker_processes auto;",
        "worker_rlimit_nofile 20000;",
        f"worker_shutdown_timeout {options.drain_s}s;",
        *(pid if options.run_dir else []),
        *log_notes(),
        "error_log stderr emerg;",
    ]


def _sites(snapshot: Snapshot, options: NginxOptions) -> Lines:
    lines = [
        *render_maps(options),
        *render_redirect_maps(snapshot, options),
        *render_quiet_maps(snapshot, options),
        *http_lines(options),
        "",
        *render_upstreams(snapshot, options),
        "",
        *render_nobody(snapshot, options),
        *render_snippet_host(snapshot, options),
    ]
    for site in snapshot.sites:
        lines += ["", *render_site(snapshot, site, options)]
    return lines


def _http(options: NginxOptions) -> Lines:
    return [
        "access_log off;",
        "log_not_found off;",
        "server_tokens off;",
        *_temporary(options),
        *_HASHES.split("\n"),
        *_limits(),
        *_transparent(),
        *_TLS.split("\n"),
        "recursive_error_pages on;",
        *error_pages(),
    ]


_HASHES = """\
server_names_hash_max_size 16384;
server_names_hash_bucket_size 512;
map_hash_max_size 16384;
map_hash_bucket_size 512;
variables_hash_max_size 65536;
variables_hash_bucket_size 128;
proxy_headers_hash_max_size 1024;
proxy_headers_hash_bucket_size 128;
"""

_TLS = """\
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
ssl_session_cache shared:sf_tls:10m;
ssl_session_timeout 1d;
ssl_session_tickets off;
"""


def _temporary(options: NginxOptions) -> Lines:
    if not options.run_dir:
        return []
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return [f"{k}_temp_path {literal(f'{options.run_dir}/{k}', 'run folder')};" for k in kinds]


def _limits() -> Lines:
    """Write the limits of ``edge.wire.limits``."""
    between = f"{BETWEEN_BYTES_TIMEOUT_S:.0f}s"
    return [
        f"client_header_timeout {HEAD_TIMEOUT_S:.0f}s;",
        f"client_body_timeout {between};",
        f"send_timeout {between};",
        f"keepalive_timeout {IDLE_TIMEOUT_S:.0f}s;",
        "keepalive_requests 100000;",
        "client_header_buffer_size 4k;",
        "# A second buffer holds the start of the next request where requests are pipelined.",
        f"large_client_header_buffers 2 {MAX_HEAD_BYTES // 1024}k;",
        f"proxy_connect_timeout {CONNECT_TIMEOUT_S:.0f}s;",
        f"proxy_send_timeout {between};",
        f"proxy_read_timeout {FIRST_BYTE_TIMEOUT_S:.0f}s;",
        "# The next upstream is asked when one cannot be reached, or a kept connection was stale;",
        "# never once a body, or what is no idempotent request, was sent.",
        "proxy_next_upstream error timeout;",
        "proxy_next_upstream_timeout 20s;",
    ]


def _transparent() -> Lines:
    """Pass requests and answers as they are, in both directions and without holding them."""
    return [
        "default_type application/octet-stream;",
        "merge_slashes off;",
        "underscores_in_headers on;",
        "proxy_http_version 1.1;",
        "proxy_buffering off;",
        "proxy_request_buffering off;",
        "proxy_buffer_size 64k;",
        "proxy_buffers 4 64k;",
        "proxy_busy_buffers_size 128k;",
        "proxy_max_temp_file_size 0;",
        "proxy_redirect off;",
        "proxy_socket_keepalive on;",
        "# Alt-Svc names ports of the origin; Upgrade in an ordinary answer breaks HTTP/2 clients.",
        *(f"proxy_hide_header {name};" for name in ("Alt-Svc", "Upgrade", "Proxy-Authenticate")),
        "# An origin does not steer nginx, and its own fields of that name pass like any other.",
        f"proxy_ignore_headers {' '.join(f'X-Accel-{name}' for name in _X_ACCEL)};",
        *(f"proxy_pass_header X-Accel-{name};" for name in _X_ACCEL),
        "proxy_pass_header Date;",
        "proxy_pass_header Server;",
        "proxy_pass_header X-Pad;",
    ]
