"""Traces: what leaves to a real receiver, that nothing personal does, and that off is off."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.event import encode_event
from edge.forwarder.run import Forwarder, ForwarderConfig
from edge.fronts.operating import Answered
from edge.traces import both
from edge.traces import traced as traced_requests
from portal.models import Role
from statflow.settings import SettingsError, read_settings
from statflow.telemetry import traced
from store import tracing
from store.client import Store, StoreError
from store.migrate import migrate
from tests.portal.conftest import new_portal
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

SITE = 878_401
SECRETS = ("203.0.113.77", "SecretBrowser", "top-secret", "anna@people.example", "/hidden/page")
ANSWERED = Answered(SITE, "GET", 200, 5, 12.5, "req-top-secret", "page")


@dataclass
class Receiver:
    """An OTLP receiver on loopback, and what came in."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Service, name and attributes of each span."""
        found = []
        for body in self.raw:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = _values(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    found += [(service, s.name, _values(s.attributes)) for s in scope.spans]
        return found


def _values(attributes: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened, ready, loop = Receiver(), threading.Event(), asyncio.new_event_loop()

    async def take(request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        opened.raw.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)

    async def serve() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(serve(), loop)
    assert ready.wait(10)
    yield opened
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened
        opened.close()


def settings(url: str, **more: str) -> Any:
    return read_settings({"STATFLOW_OTLP_ENDPOINT": url, **more})


def use_portal(database_url: str, store: Store) -> None:
    """Ask pages and be refused, with an address, an agent and a query that nobody may learn."""
    portal = new_portal(database_url, store)
    portal.site("own.example")
    person = portal.user("anna@people.example", Role.OWNER)
    told = {"User-Agent": "SecretBrowser/1", "X-Forwarded-For": "203.0.113.77"}
    person.get("/sites/own.example?q=top-secret", headers=told)
    person.get("/hidden/page?token=top-secret", headers=told)
    portal.database.close()


def forward(server: RedisServer, store: Store) -> None:
    """Let a whole forwarder store two events."""
    shard = 3
    with Redis.from_url(server.url) as redis:
        for n in range(2):
            event = an_event(site_id=SITE, visitor=n + 1, path="/hidden/page", ts_ms=_now_ms())
            redis.xadd(ShardKeys.of(shard).events, {"d": encode_event(event)})

    async def run() -> None:
        config = ForwarderConfig(server.url, store, range(shard, shard + 1), "one", linger_s=0.0)
        stop = asyncio.Event()
        forwarding = asyncio.create_task(Forwarder(config).run(stop))
        async with asyncio.timeout(20):
            sql = "select count() from batches where shard = {shard:UInt8}"
            while (await asyncio.to_thread(store.query, sql, {"shard": shard}))[0][0] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        stop.set()
        await forwarding

    asyncio.run(run())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_each_part_tells_and_nothing_personal_leaves(
    receiver: Receiver, redis_server: RedisServer, store: Store, database_url: str
) -> None:
    with traced(settings(receiver.url), "all"):
        traced_requests(1.0)(ANSWERED)
        traced_requests(1.0)(Answered(SITE, "TOP-SECRET", 400, 0, 1.0, "x", "refused"))
        use_portal(database_url, store)
        forward(redis_server, store)
        with pytest.raises(StoreError):
            store.insert("top-secret", {"a": ["anna@people.example"]}, token="t")
    spans = receiver.spans
    assert {service for service, _, _ in spans} == {"statflow-all"}
    of: Callable[[str], list[dict[str, Any]]] = lambda name: [a for _, n, a in spans if n == name]  # noqa: E731
    assert of("edge.request") == [
        {"site_id": SITE, "method": "GET", "status": 200, "outcome": "page"},
        {"site_id": SITE, "method": "other", "status": 400, "outcome": "refused"},
    ]
    pages = of("portal.request")
    assert {"endpoint": "dashboard.overview", "method": "GET", "status": 200} in pages
    assert {"endpoint": "none", "method": "GET", "status": 404} in pages
    assert {"shard": 3, "events": 2} in of("forwarder.batch")
    assert {"table": "events", "rows": 2} in of("store.insert")
    attributes = {name for _, _, found in spans for name in found}
    assert attributes <= tracing.ATTRIBUTES
    text = b"".join(receiver.raw)
    for secret in (*SECRETS, "req-"):
        if secret != "top-secret":  # The table's name is ours, and was made up for the test.
            assert secret.encode() not in text, secret


def test_what_is_not_allowed_is_left_out(receiver: Receiver) -> None:
    with traced(settings(receiver.url), "edge"), tracing.span("x", rows=1, path="/a") as told:
        told.note(agent="SecretBrowser", events=2)
    assert [found for _, _, found in receiver.spans] == [{"rows": 1, "events": 2}]


def test_an_insert_belongs_to_its_batch(receiver: Receiver) -> None:
    with traced(settings(receiver.url), "forwarder"), tracing.span("forwarder.batch", shard=1):
        asyncio.run(asyncio.to_thread(_inner))
    (request,) = [ExportTraceServiceRequest.FromString(body) for body in receiver.raw]
    inner, outer = request.resource_spans[0].scope_spans[0].spans
    assert inner.parent_span_id == outer.span_id


def _inner() -> None:
    with tracing.span("store.insert", table="events"):
        pass


def test_a_share_is_a_share() -> None:
    seen: list[Any] = []

    class Counting:
        def open(self, *_: Any) -> Any:
            raise AssertionError

        def record(self, *what: Any) -> None:
            seen.append(what)

    tracing.listen(Counting())
    try:
        tell = traced_requests(0.1)
        for _ in range(5_000):
            tell(ANSWERED)
    finally:
        tracing.listen(None)
    assert 300 < len(seen) < 700


def test_both_are_told() -> None:
    first: list[Answered] = []
    second: list[Answered] = []
    assert both(None, None) is None
    told = both(first.append, None)
    assert told is not None
    told(ANSWERED)
    told = both(first.append, second.append)
    assert told is not None
    told(ANSWERED)
    assert (len(first), len(second)) == (2, 1)


def test_a_receiver_that_is_away_slows_nothing_down() -> None:
    with traced(settings("http://127.0.0.1:1"), "edge"):
        began = time.monotonic()
        for _ in range(1_000):
            tracing.record("edge.request", 0.001, status=200)
        assert time.monotonic() - began < 2.0


def test_the_standard_name_counts_where_ours_says_nothing() -> None:
    read = read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"})
    assert read.otlp_endpoint == "http://a:4318"
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318", "STATFLOW_OTLP_ENDPOINT": "http://b:1"}
    assert read_settings(ours).otlp_endpoint == "http://b:1"


@pytest.mark.parametrize(
    ("name", "value"), [("OTLP_ENDPOINT", "a:4318"), ("TRACE_RATIO", "2"), ("TRACE_RATIO", "x")]
)
def test_a_wrong_setting_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({f"STATFLOW_{name}": value})


_OFF = """
import sys
# Other packages look whether some of it is installed; what we would use of it is this.
OURS = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto")
import edge.app, edge.forwarder.run, portal.app, statflow.role_portal, store.client
from statflow.settings import read_settings
from statflow.telemetry import traced
from store import tracing
with traced(read_settings({}), "edge"), tracing.span("x", rows=1) as told:
    told.note(rows=2)
found = [name for name in sys.modules if name.startswith(OURS)]
assert not found, found
"""


def test_off_imports_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OFF]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": root, "PATH": ""}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_without_the_packages_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with (
        pytest.raises(SettingsError, match=r"statflow\[telemetry\]"),
        traced(settings("http://a"), "x"),
    ):
        pass
