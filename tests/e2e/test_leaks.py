"""Addresses, agents, cookies and salts are in no file, log or table, whatever went wrong.

A canary, sent in the same requests and meant to be stored, is found by the same search in every
form that is searched for; so the search would find the others.
"""

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.pipeline.salts_file import RECORD_BYTES
from edge.sites import SHARDS
from statflow.paths import Paths
from store.client import Store
from tests.support.nginx_server import NginxServer
from tests.support.stack import Stack, free_port
from tests.support.web import fetch

pytestmark = [pytest.mark.xdist_group("leaks"), pytest.mark.timeout(180)]

HOST = "shop.localhost"
ADDRESSES = [
    *(ip_address(f"203.0.113.{n}") for n in (7, 58, 109, 211)),
    *(ip_address(f"2001:db8:5eed:{n:x}::c0de") for n in (0x1A, 0x2B, 0x3C, 0x4D)),
]
MARK = secrets.token_hex(8)
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/141.0.7390.{MARK} Safari/537.36"
)
COOKIE = f"session=cookie{MARK}"
CREDENTIALS = f"Bearer authorization{MARK}"
CANARY = "".join(secrets.choice("jklmnoz") for _ in range(14))
"""Short, and of letters whose hex holds letters: long words and numbers are masked."""
PATIENCE_S = 60.0


def forms(secret: bytes) -> set[bytes]:
    """Write a secret as it is, in hex of both cases, and in base64 at any alignment."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        coded = b64encode(bytes(shift) + secret)
        whole = coded[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        found |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


@dataclass(frozen=True)
class Needles:
    """What must not be found. ``short`` ones turn up by chance in compressed files."""

    long: frozenset[bytes]
    short: frozenset[bytes]


def needles_of(salts: list[bytes]) -> Needles:
    """Gather every form of what was sent and of the salts."""
    texts = [AGENT, f"7390.{MARK}", MARK, COOKIE, CREDENTIALS]
    secrets_of = [text.encode() for text in texts] + salts
    short: set[bytes] = set()
    for address in ADDRESSES:
        packed = address.packed
        secrets_of += [str(address).encode(), address.exploded.encode()]
        if isinstance(address, IPv6Address):
            secrets_of += [packed, packed[:8], packed[::-1], str(int(address)).encode()]
        else:
            assert isinstance(address, IPv4Address)
            secrets_of += [b"\xff\xff" + packed, str(int(address)).encode()]
            short |= {packed, packed[::-1]}
    long = set().union(*(forms(secret) for secret in secrets_of))
    return Needles(frozenset(long), frozenset(short))


class Page(BaseHTTPRequestHandler):
    """An origin of one page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"<!doctype html><html><head><title>x</title></head><body>x</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def origin(port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Visitors:
    """Sends requests that carry all the secrets, from one address after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sent = 0

    def headers(self, **more: str) -> dict[str, str]:
        """Give the headers of the next visitor."""
        self._sent += 1
        address = str(ADDRESSES[self._sent % len(ADDRESSES)])
        return {
            "User-Agent": AGENT,
            "X-Forwarded-For": address,
            "Cookie": COOKIE,
            "Authorization": CREDENTIALS,
            **more,
        }

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        host: str = HOST,
        **more: str,
    ) -> int:
        """Send one request; returns the status, 0 if there was no answer."""
        headers = self.headers(**more)
        try:
            return fetch(self._port, path, method=method, host=host, body=body, headers=headers)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def beacon(self, body: bytes, **more: str) -> int:
        """Send the body of a beacon."""
        return self.ask("/sf/e", "POST", body, **{"Content-Type": "text/plain", **more})

    def send_raw(self, request: bytes) -> bytes:
        """Send bytes that are no good request, with the secrets in the head."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers().items())
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
            connection.sendall(request.replace(b"HEADERS", lines.encode()))
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65_536)


def good_beacon(name: str = "pageview") -> bytes:
    """Write a beacon whose page and property are the canary, in each form searched for."""
    raw = CANARY.encode()
    props = {"hex": raw.hex(), "base64": b64encode(raw).decode()}
    event = {"n": name, "u": f"http://{HOST}/{CANARY}?q={MARK}", "p": props}
    return json.dumps({"v": 1, "e": [event]}).encode()


def send_good(visitors: Visitors) -> None:
    for i in range(120):
        assert visitors.beacon(good_beacon("Signup" if i % 3 else "pageview")) == 202
    for path in ("/", "/sf/tracker.js", f"/sf/p.gif?u=http://{HOST}/{CANARY}", "/sf/opt-out"):
        for _ in range(10):
            assert visitors.ask(path) == 200
    assert visitors.ask("/", "HEAD") in {200, 501}


def send_bad(visitors: Visitors) -> None:
    """Everything that is refused on the way, each with a status of its own."""
    agent = AGENT.encode()
    assert visitors.beacon(b'{"n": "' + agent) == 400
    assert visitors.beacon(b"\xff\x00" + agent) == 400
    assert visitors.beacon(json.dumps({"n": AGENT * 2, "u": AGENT}).encode()) == 400
    assert visitors.beacon(json.dumps({"v": 1, "e": [{}] * 60}).encode()) == 400
    assert visitors.beacon(b"x" * 70_000) == 413
    assert visitors.beacon(good_beacon(), Origin="https://elsewhere.example") == 403
    assert visitors.beacon(good_beacon(), **{"Content-Encoding": "gzip"}) == 415
    assert visitors.beacon(good_beacon(), **{"X-Forwarded-For": "203.0.113.7, what?"}) == 202
    assert visitors.ask("/", host="unknown.localhost") == 421
    visitors.send_raw(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nHEADERSContent-Length: x\r\n\r\n")
    visitors.send_raw(b"GET /\x01 HTTP/1.1\r\nHEADERS\r\n")
    visitors.send_raw(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nHEADERSno colon\r\n\r\n")
    visitors.send_raw(
        b"POST /sf/e HTTP/1.1\r\nHost: shop.localhost\r\nHEADERSContent-Length: 9\r\n\r\nx"
    )


def send_while_failing(stack: Stack, visitors: Visitors) -> None:
    """Pages and beacons while the parts behind the edge, and then the edge, are dead."""
    for part in ("redis", "store", "forwarder", "edge"):
        killed = stack.kill_part(part)
        for _ in range(4):
            visitors.beacon(good_beacon())
            visitors.ask("/")
        deadline = time.monotonic() + PATIENCE_S
        while not stack.has_restarted(part, killed):
            assert time.monotonic() < deadline, f"{part} does not come back"
            time.sleep(0.05)
    assert visitors.beacon(good_beacon()) == 202


def send_while_redis_hangs(stack: Stack, visitors: Visitors) -> None:
    """Fill the spool, and search it before it is sent."""
    pid = stack.pid("redis")
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(8):
            assert visitors.beacon(good_beacon()) == 202
        spooled = b"".join(file.read_bytes() for file in stack.data.glob("spool/*/*.spool"))
        assert any(form in spooled for form in forms(CANARY.encode())), "the spool was not used"
        assert not files_with(stack, needles_of(read_salts(stack.data)))
    finally:
        os.kill(pid, signal.SIGCONT)


def send_through_nginx(stack: Stack, visitors: Visitors, origin_answers: bool) -> None:
    """Ask through nginx, whose own log and temporary files lie in the data folder."""
    port, folder = free_port(), stack.data / "nginx"
    ports = ["--port", str(port), "--tls-port", str(free_port())]
    edge = ["--edge", f"127.0.0.1:{stack.ports['edge']}", "--bind", "127.0.0.1"]
    text = stack.run("front", "nginx", *edge, *ports, "--run-dir", str(folder))
    nginx = NginxServer(text.replace("processes auto;", "processes 1;"), folder, port)
    asyncio.run(nginx.start())
    try:
        through = Visitors(port)
        assert {through.ask("/") for _ in range(6)} == {200 if origin_answers else 502}
        assert through.ask("/upload", "POST", (AGENT * 2_000).encode()) >= 400
        through.send_raw(b"GET /\x01 HTTP/1.1\r\nHEADERS\r\n")
        through.send_raw(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nHEADERSno colon\r\n\r\n")
        assert visitors.beacon(good_beacon()) == 202
    finally:
        asyncio.run(nginx.stop(2))


def leave_a_dead_letter(stack: Stack) -> None:
    """Put an entry into the stream that is no event, made of one that is, and wait for its end."""
    with Redis(unix_socket_path=str(Paths(stack.data).redis_socket)) as redis:
        raw = CANARY.encode()
        broken = json.dumps([2, CANARY, raw.hex(), b64encode(raw).decode()])
        redis.xadd(ShardKeys.of(3).events, {"d": broken})
        deadline = time.monotonic() + PATIENCE_S
        while not redis.xlen(ShardKeys.of(3).dead):
            assert time.monotonic() < deadline, "no dead letter"
            time.sleep(0.05)


def write_redis_files(stack: Stack) -> None:
    """Let Redis write its other file and rewrite its log, neither compressed, so it can be read."""
    with Redis(unix_socket_path=str(Paths(stack.data).redis_socket)) as redis:
        redis.config_set("rdbcompression", "no")
        redis.bgrewriteaof()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            persistence = redis.info("persistence")
            if not (persistence["aof_rewrite_in_progress"] or persistence["aof_rewrite_scheduled"]):
                break
            assert time.monotonic() < deadline, "the log is not rewritten"
            time.sleep(0.05)
        redis.save()


def read_salts(data: Path) -> list[bytes]:
    """Read the salts from the file in memory."""
    path = Paths(data).salts
    assert path is not None
    raw = path.read_bytes()
    salts = [raw[at + 24 : at + 56] for at in range(0, len(raw), RECORD_BYTES)]
    return [salt for salt in salts if any(salt)]


def await_empty_stream(data: Path) -> None:
    """Wait until everything is in the tables."""
    deadline = time.monotonic() + PATIENCE_S
    with Redis(unix_socket_path=str(Paths(data).redis_socket)) as redis:
        while any(redis.exists(ShardKeys.of(shard).plan) for shard in range(SHARDS)) or any(
            redis.xlen(ShardKeys.of(shard).events) for shard in range(SHARDS)
        ):
            assert time.monotonic() < deadline, "the forwarder does not finish"
            time.sleep(0.1)


def rows_with(store: Store, wanted: list[bytes]) -> dict[str, int]:
    """Count by table the rows that hold any of some bytes in any column, in binary or as text."""
    tables = store.query(
        "select database, name from system.tables where endsWith(name, '_log')"
        " or database not in ('system', 'information_schema', 'INFORMATION_SCHEMA')"
    )
    assert {"events", "sessions", "batches"} <= {name for _, name in tables}
    found: dict[str, int] = {}
    for database, name in tables:
        sql = (
            f"select count() from `{database}`.`{name}`"
            " where arrayExists(x -> position(hex(formatRow('RowBinary', *)), x) > 0,"
            " {wanted:Array(String)})"
        )
        params = {"wanted": [needle.hex().upper() for needle in wanted]}
        found[name] = found.get(name, 0) + int(store.query(sql, params)[0][0])
    return found


def files_of(stack: Stack) -> list[Path]:
    """List everything that an installation writes, its log included; no sockets."""
    folders = (stack.data, Paths(stack.data).runtime)
    return [stack.log, *(p for folder in folders for p in folder.rglob("*") if p.is_file())]


def files_with(stack: Stack, needles: Needles) -> dict[str, list[bytes]]:
    """Name the files in which something was found, and what."""
    found: dict[str, list[bytes]] = {}
    for file in files_of(stack):
        content = file.read_bytes()
        is_engine_part = Paths(stack.data).store_folder in file.parents
        wanted = needles.long if is_engine_part else needles.long | needles.short
        if hits := [needle for needle in wanted if needle in content]:
            found[file.name] = hits
    return found


def check_canary(stack: Stack, needles: Needles) -> None:
    """The same search finds what is there to be found, in text, hex and base64."""
    raw = CANARY.encode()
    wanted = Needles(frozenset({raw, raw.hex().encode(), b64encode(raw)}), frozenset())
    files = files_with(stack, wanted)
    assert wanted.long <= {form for hits in files.values() for form in hits}
    for kind in ("aof", "rdb"):
        assert any(kind in name for name in files), files
    assert raw not in needles.long


def test_nothing_of_a_visitor_is_kept() -> None:
    origin_port = free_port()
    environment = {"STATFLOW_TRUSTED_PROXIES": "loopback", "STATFLOW_DEBUG": "1"}
    upstream = f"http://127.0.0.1:{origin_port}"
    stack = Stack("--upstream", upstream, "--host", HOST, environment=environment)
    try:
        with origin(origin_port):
            stack.start()
            visitors = Visitors(stack.ports["edge"])
            send_good(visitors)
            send_bad(visitors)
            send_through_nginx(stack, visitors, origin_answers=True)
            send_while_redis_hangs(stack, visitors)
            send_while_failing(stack, visitors)
        send_through_nginx(stack, visitors, origin_answers=False)
        assert {visitors.ask("/") for _ in range(20)} == {502}
        for _ in range(20):
            assert visitors.beacon(good_beacon()) == 202
        check_everything(stack)
    finally:
        stack.remove()


def check_everything(stack: Stack) -> None:
    salts = read_salts(stack.data)
    assert salts
    assert all(len(salt) == 32 for salt in salts)
    needles = needles_of(salts)
    leave_a_dead_letter(stack)
    await_empty_stream(stack.data)
    store = Store(json.loads((stack.data / "store.json").read_text())["url"])
    found = rows_with(store, sorted(needles.long | needles.short))
    assert not any(found.values()), found
    assert rows_with(store, [CANARY.encode()])["events"] >= 150
    metrics = fetch(stack.ports["private"], "/metrics")[2]
    assert b"statflow_events_total" in metrics
    assert not [needle for needle in needles.long | needles.short if needle in metrics]
    assert not files_with(stack, needles)
    write_redis_files(stack)
    assert stack.stop() == 0
    assert not files_with(stack, needles)
    check_canary(stack, needles)
