"""Several workers behave as one edge: they share ports and salts, and nobody notices a death."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import psutil
import pytest
from redis import Redis

from edge.config import EdgeConfig
from edge.event import decode_event
from statflow.paths import Paths
from statflow.role_edge import edge_config, workers_plan
from statflow.settings import read_settings
from statflow.workers import _shared_salts, run_workers
from tests.support.edge_process import SHOP, EdgeProcess
from tests.support.raw_client import RawClient
from tests.support.redis_server import RedisServer
from tests.support.steady_origin import Load, SteadyOrigin

type MakeEdge = Callable[..., EdgeProcess]


@pytest.fixture
def origin() -> Iterator[SteadyOrigin]:
    with SteadyOrigin() as started:
        yield started


@pytest.fixture
def make_edge(tmp_path: Path, origin: SteadyOrigin) -> Iterator[MakeEdge]:
    made: list[EdgeProcess] = []

    def make(*options: str, **environment: str) -> EdgeProcess:
        edge = EdgeProcess(tmp_path, *options, **{"DRAIN_S": "10", **environment})
        edge.write_sites(origin.url)
        made.append(edge)
        return edge

    yield make
    for edge in made:
        if edge.process is not None and edge.process.poll() is None:
            edge.stop()


def a_config(folder: Path) -> EdgeConfig:
    return edge_config(
        read_settings({}, data_dir=folder), Paths(folder), front="auto", bind="127.0.0.1",
        port=0, tls_port=None, tls_dir=None, private_port=None, private_socket=None,
        salts_file=None, reuse_port=False,
    )  # fmt: skip


def workers_with_connections(edge: EdgeProcess) -> int:
    """Count the workers that hold a client."""
    found = re.findall(r"statflow_connections\{[^}]*worker=\"(\w+)\"\} (\d+)", edge.metrics())
    return len({worker for worker, count in found if int(float(count))})


def page_of(client: RawClient) -> bytes:
    reply = client.ask(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % SHOP.encode())
    assert reply.status == 200
    return reply.body


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - waits for processes
            await asyncio.sleep(0.05)


def test_both_serve_and_their_numbers_are_added(make_edge: MakeEdge) -> None:
    edge = make_edge("--workers", "2").start()
    clients = [RawClient(edge.port) for _ in range(24)]
    for client in clients:
        assert b"/sf/" in page_of(client)

    assert len(edge.workers()) == 2
    assert workers_with_connections(edge) == 2
    assert 'statflow_documents_total{outcome="injected",site="1"} 24.0' in edge.metrics()
    assert edge.readyz()[1]["checks"]["workers"] == "ok"
    for client in clients:
        client.socket.close()


async def test_a_worker_that_is_killed_under_load_is_replaced(make_edge: MakeEdge) -> None:
    edge = make_edge("--workers", "2")
    await asyncio.to_thread(edge.start)
    load, stop = Load(edge.port, SHOP, clients=8, returns=True), asyncio.Event()
    running = asyncio.create_task(load.run(stop))
    await until(lambda: load.served > 50)
    killed, other = edge.workers()
    os.kill(killed, signal.SIGKILL)
    served = load.served
    await until(lambda: load.served > served + 100)
    await until(lambda: killed not in edge.workers() and len(edge.workers()) == 2)
    await until(lambda: "statflow_workers 2.0" in edge.metrics())
    stop.set()
    await running

    assert other in edge.workers()
    assert len(load.failed) <= load.clients
    assert load.refused == 0
    assert "statflow_worker_restarts_total 1.0" in edge.metrics()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("front", ["direct", "mitmproxy"])
async def test_a_drain_under_load_fails_no_request(
    make_edge: MakeEdge, workers: str, front: str
) -> None:
    edge = make_edge("--workers", workers, "--front", front)
    await asyncio.to_thread(edge.start)
    load = Load(edge.port, SHOP, clients=16)
    running = asyncio.create_task(load.run(asyncio.Event()))
    await until(lambda: load.served > 100)
    status = await asyncio.to_thread(edge.stop)
    async with asyncio.timeout(10):
        await running

    assert status == 0
    assert (load.failed, load.refused) == ([], 0)
    assert load.told == load.clients


async def test_a_worker_that_is_stuck_is_replaced(
    tmp_path: Path, origin: SteadyOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statflow.workers._SCRAPE_S", 0.2)
    monkeypatch.setattr("statflow.private_client._PATIENCE", aiohttp.ClientTimeout(total=0.5))
    shown = EdgeProcess(tmp_path)
    shown.write_sites(origin.url)
    paths = Paths(tmp_path)
    config = replace(a_config(tmp_path), port=shown.port, private_port=shown.private_port)
    stop = asyncio.Event()
    paths.prepare()
    others = set(psutil.Process().children())
    running = asyncio.create_task(
        run_workers(workers_plan(config, paths, 2), stop, asyncio.Event())
    )
    await until(lambda: "statflow_workers 2.0" in shown.metrics())
    stuck = (set(psutil.Process().children()) - others).pop()
    stuck.suspend()
    await until(lambda: "statflow_worker_restarts_total 1.0" in shown.metrics())
    await until(lambda: "statflow_workers 2.0" in shown.metrics())
    stop.set()
    await running

    assert not _lives(stuck.pid)


def test_a_port_that_somebody_shares_is_taken_all_the_same(make_edge: MakeEdge) -> None:
    edge = make_edge("--workers", "2")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", edge.port))
        other.listen()
        assert edge.spawn().wait(30) == 1

    assert f"cannot listen on port {edge.port}" in edge.log.read_text()


async def test_no_worker_outlives_a_killed_parent(make_edge: MakeEdge) -> None:
    edge = make_edge("--workers", "2", DRAIN_S="1")
    await asyncio.to_thread(edge.start)
    workers = edge.workers()
    assert edge.process is not None
    edge.process.kill()
    edge.process.wait()

    await until(lambda: not any(_lives(pid) for pid in workers))


async def test_a_hangup_reaches_every_worker(make_edge: MakeEdge, origin: SteadyOrigin) -> None:
    edge = make_edge("--workers", "2")
    await asyncio.to_thread(edge.start)
    edge.write_sites(origin.url, number=2, maintenance=True)
    assert edge.process is not None
    edge.process.send_signal(signal.SIGHUP)

    def both_read_it() -> bool:
        said = [line["message"] for line in edge.log_lines()]
        return said.count("edge: read sites and certificates again") == 2

    await until(both_read_it)
    assert edge.process.poll() is None
    with RawClient(edge.port) as client:
        assert client.ask(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % SHOP.encode()).status == 503


def test_one_visitor_is_one_visitor_in_every_worker(make_edge: MakeEdge) -> None:
    redis = RedisServer().start()
    body = b'{"n": "pageview", "u": "http://%s/"}' % SHOP.encode()
    try:
        edge = make_edge("--workers", "2", REDIS_URL=redis.url).start()
        clients = [RawClient(edge.port) for _ in range(16)]
        for client in clients:
            reply = client.ask(
                b"POST /sf/e HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\n"
                b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Firefox/130.0\r\n"
                b"Content-Length: %d\r\n\r\n" % (SHOP.encode(), len(body)) + body
            )
            assert reply.status == 202
        assert workers_with_connections(edge) == 2
        for client in clients:
            client.socket.close()
        assert len(_visitors(redis.url)) == 1
    finally:
        redis.remove()


def test_without_shared_memory_the_parent_keeps_the_salts(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    with _shared_salts(replace(config, salts_file=None)) as (path, fds):
        assert path == Path(f"/proc/self/fd/{fds[0]}")
        done = subprocess.run(
            [sys.executable, "-c", "import os, sys; os.write(os.open(sys.argv[1], 2), b'x')", path],
            pass_fds=fds, check=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0
        assert os.pread(fds[0], 2, 0) == b"x"
        with _shared_salts(replace(config, salts_file=path)) as handed_on:
            assert handed_on == (path, fds)


def _visitors(url: str) -> set[int]:
    with Redis.from_url(url) as redis:
        streams = [key for key in redis.scan_iter() if redis.type(key) == b"stream"]
        entries = [fields for key in streams for _, fields in redis.xrange(key)]
    events = [value for fields in entries for value in fields.values() if value[:1] == b"["]
    assert len(events) == 16
    return {decode_event(value).visitor for value in events}


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
