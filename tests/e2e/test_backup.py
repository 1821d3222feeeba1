"""A backup made while visitors come, from PostgreSQL, restored into an installation on SQLite."""

import json
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from store.client import Store
from tests.support.postgres_server import PostgresServer
from tests.support.stack import Stack, free_port
from tests.support.web import query, send_beacon

HOST = "shop.example"
PASSWORD = {"STATFLOW_PASSWORD": "a-long-enough-secret-17"}
OLD = {
    "site_id": HOST,
    "metrics": ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"],
    "date_range": ["2026-01-01", "2026-01-31"],
    "dimensions": ["time:day"],
}


@pytest.fixture
def source(postgres: PostgresServer) -> Iterator[Stack]:
    """``up`` with its accounts in PostgreSQL."""
    url = postgres.create()
    running = Stack(environment={"STATFLOW_DATABASE_URL": url, "STATFLOW_RATE_CLIENT": "0"})
    try:
        yield running.start()
    finally:
        running.remove()
        postgres.drop(url)


@pytest.fixture
def target() -> Iterator[Stack]:
    """Another installation, which is not running."""
    made = Stack()
    yield made
    made.remove()


class Visitors:
    """Send one page view after another, each of its own page, until told to stop."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.acknowledged = 0
        self._thread = threading.Thread(target=self._come)

    def _come(self) -> None:
        for number in count():
            if self._stop.is_set():
                return
            event = {"n": "pageview", "u": f"https://{HOST}/p/{number}"}
            if send_beacon(self._port, HOST, [event]) == 202:
                self.acknowledged += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def store_of(stack: Stack) -> Store:
    return Store(json.loads((stack.data / "store.json").read_text())["url"])


def past_lines(folder: Path) -> Path:
    lines = [
        {
            "ts": f"2026-01-{1 + i % 28:02}T{i % 24:02}:{i % 60:02}:00.000Z",
            "visitor": str(i % 17),
            "name": "pageview",
            "url": f"https://{HOST}/old/{i % 5}",
        }
        for i in range(300)
    ]
    file = folder / "past.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def wait_for(seen: object, what: str) -> None:
    deadline = time.monotonic() + 60
    while not seen():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.timeout(600)
def test_a_backup_under_load_is_a_beginning_of_the_stream(
    source: Stack, target: Stack, tmp_path: Path
) -> None:
    source.run("site", "add", HOST, "--upstream", f"http://127.0.0.1:{free_port()}")
    source.run("user", "add", "o@a.example", "--admin", **PASSWORD)
    token = json.loads(source.run("token", "create", "o@a.example", "--site", HOST))["token"]
    source.run("import", HOST, str(past_lines(tmp_path)))
    edge, store = source.ports["edge"], store_of(source)
    probe = [{"n": "pageview", "u": f"https://{HOST}/first"}]
    wait_for(lambda: send_beacon(edge, HOST, probe) == 202, "the edge does not know the site")
    with Visitors(edge) as visitors:
        live = "select count() from events where path like '/p/%'"
        wait_for(lambda: store.query(live)[0][0] > 20, "no event is stored")
        before = int(store.query(live)[0][0])
        said = json.loads(source.run("backup", str(tmp_path / "all.zip")))
        after = visitors.acknowledged
        wait_for(lambda: visitors.acknowledged > after + 20, "the load has ended")
    assert said["rows"]["users"] == 1
    told = json.loads(target.run("restore", str(tmp_path / "all.zip")))
    assert told["rows"] == said["rows"]
    target.start()
    kept = store_of(target)
    restored = int(kept.query(live)[0][0])
    assert before <= restored <= after + 1
    # Visits tell of exactly the events that are there, and those are the first of the stream.
    ((views,),) = kept.query("select sum(sign * pageviews) from sessions")
    ((events,),) = kept.query("select countIf(name = 'pageview') from events")
    assert views == events
    paths = {f"/p/{number}" for number in range(restored)}
    assert {path for (path,) in kept.query("select path from events")} >= paths
    # The numbers of days gone by are equal, through the API, with the same token.
    assert query(target.ports["portal"], token, OLD) == query(source.ports["portal"], token, OLD)
    # And it counts on: what comes now joins what was restored.
    wait_for(lambda: send_beacon(target.ports["edge"], HOST, probe) == 202, "no edge")
    wait_for(
        lambda: kept.query("select countIf(path = '/first') from events")[0][0] >= 2,
        "what comes after a restore is not counted",
    )
