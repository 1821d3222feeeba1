"""Who is measured: nginx, stock mitmdump and our fronts, each before the same origin.

Every contender is started as an operator would start it, with one worker unless its name says more.
The one invariant: each puts the same tag into the same page, which ``fronts`` checks before it
measures.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.fronts.nginx import Inject, NginxOptions, render_nginx
from edge.inject.tag import Tag
from edge.sites import CspMode, Origin, Site, Snapshot
from statflow.front_command import NGINX_SCRIPTS
from tests.bench.machine import BenchError, Running, free_port, running
from tests.support.nginx_server import NJS_MODULE, find_nginx

TAG = '<script async="async" src="/sf/0123456789.js"></script>'

_NGINX = """\
daemon off; worker_processes 1; error_log stderr crit; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; sendfile on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  types {{ text/html html; application/octet-stream bin; }} charset utf-8;
  proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_busy_buffers_size 128k;
  upstream origin {{ server 127.0.0.1:{upstream}; keepalive 128; }}
  server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""
_ORIGIN = (
    "root {folder}; gzip_static on; "
    "location = /slow.html {{ alias {folder}/page.html; limit_rate_after 1k; limit_rate 6k; }}"
)
_PLAIN = (
    "location / { proxy_pass http://origin; proxy_http_version 1.1; "
    'proxy_set_header Connection ""; proxy_set_header Host $host; '
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are: a folder, the processors, and the origin's port once it runs."""

    folder: Path
    load_on: int
    serve_on: int
    origin_port: int = field(default=0)

    def log(self, name: str) -> Path:
        """Name the file that a program's words go to."""
        return self.folder / f"{name.replace(' ', '-')}.log"


@contextmanager
def origin(bench: Bench, port: int = 0) -> Iterator[Running]:
    """Start the origin: nginx with files, beside the load; it dribbles ``/slow.html``."""
    port = port or free_port()
    with _nginx(
        bench, "origin", port, port, _ORIGIN.format(folder=bench.folder), bench.load_on
    ) as it:
        yield it


@contextmanager
def nginx_plain(bench: Bench) -> Iterator[Running]:
    """Start nginx as a proxy that changes nothing."""
    with _nginx(
        bench, "nginx plain", free_port(), bench.origin_port, _PLAIN + "}", bench.serve_on
    ) as it:
        yield it


@contextmanager
def nginx_sub_filter(bench: Bench) -> Iterator[Running]:
    """Start nginx with ``sub_filter``, which reads no compressed page: it asks for a plain one."""
    server = (
        "gzip on; gzip_comp_level 1; gzip_proxied any; gzip_http_version 1.1; "
        + _PLAIN
        + f"proxy_set_header Accept-Encoding \"\"; sub_filter '<head>' '<head>{TAG}'; "
        + "sub_filter_once on; }"
    )
    port = free_port()
    with _nginx(bench, "nginx sub_filter", port, bench.origin_port, server, bench.serve_on) as it:
        yield it


@contextmanager
def mitmdump(bench: Bench) -> Iterator[Running]:
    """Start stock mitmdump as a reverse proxy with the addon."""
    program = Path(sys.executable).with_name("mitmdump")
    if not program.exists():
        raise BenchError("mitmdump is missing beside the interpreter")
    port = free_port()
    addon = Path(__file__).with_name("mitmdump_addon.py")
    command = [
        str(program), "-q", "--mode", f"reverse:http://127.0.0.1:{bench.origin_port}",
        "--listen-host", "127.0.0.1", "--listen-port", str(port), "-s", str(addon),
        "--set", f"confdir={bench.folder / 'mitmproxy'}", "--set", "keep_host_header=true",
    ]  # fmt: skip
    with running("mitmdump", command, port, {bench.serve_on}, bench.log("mitmdump")) as it:
        yield it


@contextmanager
def ours(bench: Bench, kind: str, workers: int = 1) -> Iterator[Running]:
    """Start one of our Python fronts; several workers share the first two processors."""
    port = free_port()
    command = [
        sys.executable, "-m", "tests.bench.serve_front",
        kind, str(port), str(bench.origin_port), str(workers),
    ]  # fmt: skip
    on = {bench.serve_on} if workers == 1 else {bench.serve_on, bench.load_on}
    name = kind if workers == 1 else f"{kind} x{workers}"
    with running(name, command, port, on, bench.log(name), {"PYTHONPATH": str(Path.cwd())}) as it:
        yield it


@contextmanager
def nginx_front(bench: Bench, inject: Inject) -> Iterator[Running]:
    """Start the generated nginx; in the variant ``edge`` with the direct front behind it."""
    with ExitStack() as stack:
        edge = stack.enter_context(ours(bench, "direct")) if inject is Inject.EDGE else None
        port = free_port()
        name = f"nginx {inject}"
        folder = bench.folder / f"nginx-{inject}"
        folder.mkdir(exist_ok=True)
        options = NginxOptions(
            inject=inject,
            edge=f"127.0.0.1:{edge.port if edge else 1}",
            bind="127.0.0.1",
            port=port,
            tls_port=free_port(),
            run_dir=str(folder),
            njs_module=str(NJS_MODULE),
            scripts=str(NGINX_SCRIPTS),
            tags={1: Tag("/sf/0123456789.js", "/sf/e", "/sf/m/", "0123456789", 1_700_000_000)},
        )
        text = render_nginx(_snapshot(bench.origin_port, inject), options)
        file = folder / "nginx.conf"
        file.write_text("daemon off;\n" + text.replace("processes auto;", "processes 1;"))
        command = [find_nginx(), "-p", str(folder), "-c", str(file)]
        front = stack.enter_context(running(name, command, port, {bench.serve_on}, bench.log(name)))
        yield front if edge is None else _Together(name, front.process, port, edge)


class _Together(Running):
    """nginx and the edge behind it, counted as one."""

    def __init__(self, name: str, process: object, port: int, edge: Running) -> None:
        super().__init__(name, process, port)  # type: ignore[arg-type]
        object.__setattr__(self, "_edge", edge)

    def pids(self) -> list[int]:
        """List the processes of both."""
        edge: Running = self._edge  # type: ignore[attr-defined]
        return [*super().pids(), *edge.pids()]


@contextmanager
def _nginx(
    bench: Bench, name: str, port: int, upstream: int, server: str, on: int
) -> Iterator[Running]:
    folder = bench.folder / name.replace(" ", "-")
    folder.mkdir(exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream, server=server))
    command = [find_nginx(), "-p", str(folder), "-c", str(file)]
    with running(name, command, port, {on}, bench.log(name)) as it:
        yield it


def _snapshot(upstream: int, inject: Inject) -> Snapshot:
    """Write the one site; the variants without Python can do less about policies."""
    csp = CspMode.REUSE if inject is Inject.SUB_FILTER else CspMode.AMEND
    at = (Origin("http", "127.0.0.1", upstream),)
    return Snapshot(1, (Site(1, "bench.localhost", at, "k", aliases=("127.0.0.1",), csp=csp),))
