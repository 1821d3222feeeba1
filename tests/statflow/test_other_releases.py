"""Roles refuse a store of another release, and wait for one that is away."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from statflow.role_forwarder import meet_store
from store.client import Store
from store.migrate import migrate
from tests.support.redis_server import RedisServer
from tests.support.stack import ROOT, free_port
from tests.support.store_process import StoreProcess, running_store

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        yield process


def settings(data: Path, redis: RedisServer, store: StoreProcess) -> dict[str, str]:
    return {
        "STATFLOW_DATA_DIR": str(data),
        "STATFLOW_REDIS_URL": redis.url,
        "STATFLOW_CLICKHOUSE_URL": store.url,
    }


def refusal(role: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "statflow.cli", *role],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_store_of_another_release_is_refused_in_one_sentence(
    redis: RedisServer, store: StoreProcess, tmp_path: Path
) -> None:
    environment = settings(tmp_path, redis, store)
    roles = (["forwarder"], ["portal", "--port", str(free_port())], ["reports"])
    for role in roles:
        assert "run statflow migrate" in refusal(role, environment)
    tables = Store(store.url)
    migrate(tables)
    tables.insert(
        "schema_migrations",
        {"number": [9_999], "name": ["9999_new.sql"], "checksum": ["0" * 64]},
        token="newer",
    )
    for role in (*roles, ["migrate"]):
        assert "newer release" in refusal(role, environment)
    tables.command("drop table schema_migrations sync")


async def test_a_store_that_is_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()
    away = Store(f"http://127.0.0.1:{free_port()}/statflow")
    waiting = asyncio.create_task(meet_store(away, stop))
    while "the store does not answer" not in caplog.text:  # noqa: ASYNC110 - waits for the log
        await asyncio.sleep(0.01)
    assert not waiting.done()
    stop.set()
    await waiting
