"""Several edge processes on the same ports: ``statflow edge --workers N``.

The parent serves no site. It makes sure that the ports are free, starts the workers, which bind
them with SO_REUSEPORT, replaces one that is dead or stuck, passes SIGTERM and SIGHUP on, and
answers on the private port for all of them. What a worker does is ``edge.app``. The one invariant:
no worker outlives the parent, and no worker shares a port with a program that is not its sibling.

Source: DESIGN 4: a listening socket that processes inherit is 2.3 times slower.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from edge.collector.messages import EndpointResponse, Headers, render_error
from edge.config import EdgeConfig, EdgeError
from edge.names import Api
from edge.private import PrivatePort
from statflow.merged_metrics import MergedMetrics
from statflow.private_client import fetch_private, send_private
from statflow.supervisor import Part, PartFailedError, State, Supervisor

log = logging.getLogger(__name__)

_SCRAPE_S = 5.0
"""How often counters are read, so that a worker's death costs few of them."""
_PATIENCE = 4
"""Times in a row that a worker may leave a question unanswered before it counts as stuck: each
takes seconds, and while it is stuck its share of the visitors waits."""
_OWN_FDS = Path("/proc/self/fd")
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersPlan:
    """What the parent needs.

    ``command`` gives a worker's command line from its port, TLS port, private socket and salts
    file. ``runtime`` is a folder for sockets.
    """

    config: EdgeConfig
    count: int
    command: Callable[[int, int | None, Path, Path | None], Sequence[str]]
    runtime: Path


async def run_workers(plan: WorkersPlan, stop: asyncio.Event, hangup: asyncio.Event) -> None:
    """Keep the workers serving until ``stop``, then let all of them drain at once.

    Raises:
        EdgeError: A port is taken, or a worker does not come up.
    """
    config = plan.config
    port = _free(config.hosts, config.port)
    tls_port = None if config.tls_port is None else _free(config.hosts, config.tls_port)
    with _shared_salts(config) as (salts, fds):
        workers = Workers(plan, port, tls_port, salts, fds)
        private = PrivatePort(
            lambda: workers.checks(draining=stop.is_set()),
            workers.metrics,
            workers.notes,
            workers.relay,
        )
        try:
            await private.start(
                host=config.private_bind,
                port=config.private_port or 0,
                path=config.private_socket,
            )
            async with workers.serving(stop):
                log.info("edge: %d workers on %s, port %d", plan.count, config.bind, port)
                await _pass_on(hangup, stop, workers)
        except OSError as error:
            raise EdgeError(f"cannot listen: {error.strerror or error}") from None
        finally:
            await private.stop()


class Workers:
    """The workers of one edge."""

    def __init__(
        self,
        plan: WorkersPlan,
        port: int,
        tls_port: int | None,
        salts: Path | None,
        fds: tuple[int, ...],
    ) -> None:
        self._merged = MergedMetrics()
        self._registry = CollectorRegistry()
        self._serving = Gauge("statflow_workers", "Workers that serve.", registry=self._registry)
        self._restarts = Counter(
            "statflow_worker_restarts", "Workers that died and were replaced.",
            registry=self._registry,
        )  # fmt: skip
        self._started = False
        self._restarted = 0
        self._unanswered: dict[int, int] = {}
        self._answers: list[tuple[int, bytes]] = []
        self._sockets: dict[str, Path] = {}
        parts = []
        for number in range(1, plan.count + 1):
            name = f"worker{number}"
            path = self._sockets[name] = plan.runtime / f"edge{os.getpid()}-{number}.sock"
            command = plan.command(port, tls_port, path, salts)
            parts.append(_part(name, command, path, fds, plan.config.drain_s + 5))
        self._supervisor = Supervisor(parts, self._changed)

    @contextlib.asynccontextmanager
    async def serving(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Start all, watch them, and drain all at the end.

        Raises:
            EdgeError: One of them does not come up.
        """
        starting = asyncio.create_task(self._supervisor.start_together())
        stopping = asyncio.create_task(stop.wait())
        scraping = asyncio.create_task(self._scrape_often())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                self._started = True
            yield
        except PartFailedError as error:
            raise EdgeError(str(error)) from None
        finally:
            for task in (starting, stopping, scraping):
                task.cancel()
            await asyncio.gather(starting, stopping, scraping, return_exceptions=True)
            await self._supervisor.stop_together()
            for path in self._sockets.values():
                path.unlink(missing_ok=True)

    def hang_up(self) -> None:
        """Let every worker read sites and certificates again."""
        self._supervisor.signal(signal.SIGHUP)

    async def checks(self, *, draining: bool) -> dict[str, str]:
        """Say whether to send traffic: at first when all are ready, later while any of them is."""
        if draining:
            return {"workers": "going down"}
        self._answers = await self._ask("/readyz")
        ready = self._started and any(status == _OK for status, _ in self._answers)
        return {"workers": "" if ready else "none of them is ready"}

    async def notes(self) -> dict[str, str]:
        """Repeat what the workers just said: of each check, the first that found it wanting."""
        said: dict[str, str] = {}
        for _, body in self._answers:
            for check, problem in (json.loads(body)["checks"] if body else {}).items():
                said[check] = said.get(check) or ("" if problem == "ok" else str(problem))
        return said

    async def metrics(self) -> bytes:
        """Write the metrics of all workers and of the parent."""
        await self._scrape()
        return generate_latest(self._registry) + self._merged.render()

    async def relay(self, method: str, api: Api, headers: Headers, body: bytes) -> EndpointResponse:
        """Let a worker answer what the portal passes on; another, if the first does not."""
        serving = [p.name for p in self._supervisor.parts if p.state is State.SERVING]
        for name in random.sample(serving, len(serving)):
            answer = await send_private(self._sockets[name], method, f"/{api}", headers, body)
            if answer is not None:
                return answer
        return render_error(503, "unavailable", "No worker answers; please try again.")

    async def _ask(self, path: str) -> list[tuple[int, bytes]]:
        asked = (fetch_private(socket, path) for socket in self._sockets.values())
        return list(await asyncio.gather(*asked))

    async def _scrape_often(self) -> None:
        while True:
            await asyncio.sleep(_SCRAPE_S)
            await self._scrape()

    async def _scrape(self) -> None:
        async def one(part: Part) -> None:
            pid = part.pid
            status, body = await fetch_private(self._sockets[part.name], "/metrics")
            if pid is None or pid != part.pid:
                return
            if status == _OK:
                self._merged.take(part.name, pid, body.decode())
            self._judge(part, pid, answered=status == _OK)

        await asyncio.gather(*(one(part) for part in self._supervisor.parts))

    def _judge(self, part: Part, pid: int, *, answered: bool) -> None:
        """End a worker that lives but does not answer; the supervisor starts another."""
        if answered or part.state is not State.SERVING:
            self._unanswered.pop(pid, None)
            return
        self._unanswered[pid] = self._unanswered.get(pid, 0) + 1
        if self._unanswered[pid] >= _PATIENCE:
            del self._unanswered[pid]
            log.error("edge: %s is stuck and is ended", part.name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _changed(self, part: Part) -> None:
        states = [each.state for each in self._supervisor.parts]
        self._serving.set(states.count(State.SERVING))
        restarts = sum(each.restarts for each in self._supervisor.parts)
        if restarts > self._restarted:
            self._restarts.inc(restarts - self._restarted)
            self._restarted = restarts
            log.warning("edge: %s died and is started again", part.name)


def _part(
    name: str, command: Sequence[str], path: Path, fds: tuple[int, ...], stop_s: float
) -> Part:
    async def is_ready() -> bool:
        return (await fetch_private(path, "/healthz"))[0] == _OK

    return Part(name, command, is_ready, stop_s=stop_s, pass_fds=fds, own_output=True)


async def _pass_on(hangup: asyncio.Event, stop: asyncio.Event, workers: Workers) -> None:
    """Pass every SIGHUP on until it is time to stop."""
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        hanging_up = asyncio.create_task(hangup.wait())
        await asyncio.wait({stopping, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        hanging_up.cancel()
        if hangup.is_set():
            hangup.clear()
            workers.hang_up()


def _free(hosts: Sequence[str], port: int) -> int:
    """Bind a port without SO_REUSEPORT and let it go; 0 chooses one that is free everywhere.

    Raises:
        EdgeError: Somebody listens there, who may well allow sharing.
    """
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise EdgeError(
                    f"cannot listen on port {port} of {host}: {error.strerror}"
                ) from None
            port = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def _shared_salts(config: EdgeConfig) -> Iterator[tuple[Path | None, tuple[int, ...]]]:
    """Give all workers the same salts, or a visitor would be another one in each of them."""
    if config.salts_file is not None:
        kept = config.salts_file.parent == _OWN_FDS
        yield config.salts_file, (int(config.salts_file.name),) if kept else ()
        return
    if config.salt_url:
        yield None, ()
        return
    fd = os.memfd_create("salts")
    try:
        yield _OWN_FDS / str(fd), (fd,)
    finally:
        os.close(fd)
