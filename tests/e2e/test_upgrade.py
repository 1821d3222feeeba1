"""The previous release gives way to this one under load, part by part, and no event is lost.

Old and new edges and forwarders run side by side on one Redis, one store and one salt Redis. An old
forwarder ends in order and a new one takes over; the new one is killed in a batch and an old one
takes over; that is killed too and gives way to a new one. An old edge gives its port to a new one.
Every event that was acknowledged is stored once, in the right visit, of one visitor.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.pipeline.salts_redis import GIVE_BACK_S
from edge.sites import shard_of
from store.client import Store
from tests.chaos.installation import PAGE, Child, find_fault, zone_at_noon
from tests.chaos.ledger import Ledger, has_plan, read_accounts
from tests.chaos.traffic import HOST, Batch, Tally, drive, endless_batches, fetch_page, until
from tests.support.previous_release import has_history, previous_release
from tests.support.redis_server import RedisServer
from tests.support.stack import ROOT, free_port
from tests.support.steady_origin import SteadyOrigin
from tests.support.store_process import StoreProcess

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(not has_history(), reason="needs git's history, and this is no whole clone"),
]

STEP = 900
"""Events between one step of the rollout and the next."""
LEASE_S = 2.0
WITHIN_S = 90.0
_FORWARDER = """
import asyncio, dataclasses, signal, sys
from statflow.paths import Paths
from statflow.role_forwarder import forwarder_config, serve_forwarder
from statflow.settings import read_settings

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = read_settings()
    config = forwarder_config(settings, Paths(settings.data_dir), "0-63")
    named = {"owner": sys.argv[2], "lease_s": float(sys.argv[3]), "batch_events": 300}
    config = dataclasses.replace(config, **named)
    await serve_forwarder(config, stop, port=int(sys.argv[1]), path=None)

asyncio.run(main())
"""


class Rollout:
    """Two releases on the same services; parts are started by the release that is named."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.redis, self.salts = RedisServer(), RedisServer(appendonly="no")
        for server in (self.redis, self.salts):
            stack.callback(server.remove)
            server.start()
        self.store = StoreProcess(folder / "store")
        stack.callback(self.store.kill)
        self.origin = stack.enter_context(SteadyOrigin(page=PAGE))
        caller = {k: v for k, v in os.environ.items() if not k.startswith("STATFLOW_")}
        self._environment = caller | {
            "STATFLOW_REDIS_URL": self.redis.url,
            "STATFLOW_SALT_URL": self.salts.url,
            "STATFLOW_SALT_ASSURED": "1",
            "STATFLOW_CLICKHOUSE_URL": self.store.url,
            "STATFLOW_DATABASE_URL": f"sqlite:///{folder / 'accounts.db'}",
            "STATFLOW_SECRET_KEY": "the same for both releases, and long",
            "STATFLOW_RATE_CLIENT": "0",
            "STATFLOW_RATE_SITE": "0",
            "STATFLOW_TRUSTED_PROXIES": "loopback",
        }

    def run(self, release: Path, *arguments: str) -> None:
        """Run a command of a release."""
        done = subprocess.run(
            [sys.executable, "-m", "statflow.cli", *arguments],
            cwd=release, env=self._environment | {"STATFLOW_DATA_DIR": str(self.folder / "data")},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    def edge(self, release: Path, host: str, port: int) -> Child:
        """Start an edge of a release on a host, which has a data folder."""
        command = [sys.executable, "-m", "statflow.cli", "edge", "--front", "direct"]
        return self._start(release, host, [*command, "--port", str(port)], port)

    def forwarder(self, release: Path, name: str) -> Child:
        """Start a forwarder of a release under a name, with a short lease."""
        port = free_port()
        command = [sys.executable, "-c", _FORWARDER, str(port), name, str(LEASE_S)]
        return self._start(release, name, command, port)

    def writes(self, name: str) -> bool:
        """Tell whether a forwarder has the lease of the site's shard."""
        with Redis.from_url(self.redis.url) as redis:
            owner: Any = redis.hget(ShardKeys.of(shard_of(1)).lease, "owner")
        return bool(owner == name.encode())

    def has_old_salts(self) -> bool:
        """Tell whether the salt store mints; until then the previous release refuses."""
        with Redis.from_url(self.salts.url) as redis:
            server: Any = redis.info("server")
        return bool(server["uptime_in_seconds"] >= GIVE_BACK_S)

    def _start(self, release: Path, name: str, command: list[str], port: int) -> Child:
        data = self.folder / name
        data.mkdir(exist_ok=True)
        environment = self._environment | {"STATFLOW_DATA_DIR": str(data)}
        child = Child(command, port, self.folder / f"{name}.log", environment, root=release)
        self._stack.callback(child.stop)
        return child.start()

    def logs(self) -> str:
        """Give the last words of every part, for a failure's message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1_500:]}" for log in logs)


@pytest.fixture
def rollout(tmp_path: Path) -> Iterator[Rollout]:
    with contextlib.ExitStack() as stack:
        yield Rollout(tmp_path, stack)


class Load:
    """Batches for several ports at once, until it is told that it was enough."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.sent: list[Batch] = []
        self._source = endless_batches(Random(9))
        self._enough = False
        self._clients: list[asyncio.Task[None]] = []

    def onto(self, port: int) -> None:
        """Drive a port with some connections."""
        driving = drive(port, self._batches(), self.tally, connections=4, pause_s=0.02)
        self._clients.append(asyncio.create_task(driving))

    async def more(self, events: int) -> None:
        """Wait until so many more are settled."""
        wanted = self.tally.settled_events + events
        await until(lambda: self.tally.settled_events >= wanted, f"{events} events", WITHIN_S)

    async def end(self) -> None:
        """Let every client finish what it has sent."""
        self._enough = True
        await asyncio.gather(*self._clients)

    def _batches(self) -> Iterator[Batch]:
        while not self._enough:
            batch = next(islice(self._source, 1))
            self.sent.append(batch)
            yield batch


async def test_a_rollout_loses_and_doubles_nothing(rollout: Rollout) -> None:
    load = Load()
    try:
        await roll_out(rollout, previous_release(), load)
        await load.end()
        await until(lambda: read_accounts(rollout.redis.url)[0] == 0, "the rest", WITHIN_S)
    except BaseException:
        print(rollout.logs())  # noqa: T201 - for whoever reads the failure
        raise
    tally = load.tally
    assert not tally.faults, tally.faults[:3]
    assert set(tally.answers) == {202}, tally.answers
    assert not tally.unknown
    sent = {event.number: event for batch in load.sent for event in batch.events}
    ledger = Ledger(Store(rollout.store.url))
    ledger.judge(sent, tally, slack_ms=250).check()
    hashes = ledger.visitor_hashes(sent)
    assert len(hashes) > 100
    assert [visitor for visitor, found in hashes.items() if len(found) > 1] == []


def test_a_release_that_is_not_in_the_history_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREVIOUS", "v0.0.0-of-nobody")
    with pytest.raises(AssertionError, match=r"not in this clone's history.*git fetch"):
        previous_release()


async def roll_out(rollout: Rollout, old: Path, load: Load) -> None:
    """Begin with the old release alone, end with the new one alone."""
    first, second = free_port(), free_port()
    await asyncio.to_thread(rollout.run, old, "migrate")
    zone = zone_at_noon(datetime.now(UTC))
    site = ("site", "add", HOST, "--upstream", rollout.origin.url, "--timezone", zone)
    await asyncio.to_thread(rollout.run, old, *site)
    old_edge = await asyncio.to_thread(rollout.edge, old, "host-1", first)
    one = await asyncio.to_thread(rollout.forwarder, old, "old-1")
    await until(lambda: rollout.writes("old-1"), "the first one's turn", WITHIN_S)
    two = await asyncio.to_thread(rollout.forwarder, old, "old-2")
    await served(first)
    await until(rollout.has_old_salts, "a salt store that has been there", WITHIN_S)
    load.onto(first)
    await load.more(STEP)

    await asyncio.to_thread(rollout.run, ROOT, "migrate")
    await asyncio.to_thread(rollout.edge, ROOT, "host-2", second)
    await served(second)
    load.onto(second)
    await load.more(STEP)

    three = await asyncio.to_thread(rollout.forwarder, ROOT, "new-3")
    two.freeze()  # So that the new one is the next.
    await asyncio.to_thread(one.stop)
    await until(lambda: rollout.writes("new-3"), "the new one's turn", WITHIN_S)
    two.thaw()
    await load.more(STEP)
    await killed_in_a_batch(rollout, three)
    await until(lambda: rollout.writes("old-2"), "the old one's turn", WITHIN_S)
    await load.more(STEP)
    await asyncio.to_thread(rollout.forwarder, ROOT, "new-4")
    await killed_in_a_batch(rollout, two)
    await until(lambda: rollout.writes("new-4"), "the new one's turn", WITHIN_S)
    await load.more(STEP)

    await asyncio.to_thread(old_edge.stop)
    await asyncio.to_thread(rollout.edge, ROOT, "host-1", first)
    await load.more(STEP)


async def killed_in_a_batch(rollout: Rollout, forwarder: Child) -> None:
    """Kill the forwarder that writes while it does, so that its successor must repeat its plan."""
    await until(lambda: has_plan(rollout.redis.url), "a batch under way", WITHIN_S)
    forwarder.kill()


async def served(port: int) -> None:
    """Wait until an edge serves the site, with the tag."""

    async def is_served() -> bool:
        try:
            status, body = await fetch_page(port)
        except (OSError, EOFError, ValueError):
            return False
        return status == 200 and body != PAGE and not find_fault(status, body)

    await until(is_served, f"a page at {port}", WITHIN_S)
