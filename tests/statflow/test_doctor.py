"""The doctor's faults: each is made, found and told with its remedy; and what is well is well."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.fronts.control import Control
from edge.fronts.ledger import Ledger
from edge.health_feed import PREFIX, Speaker, render_report
from portal.database import Database
from portal.language import speaking
from statflow import service_checks
from statflow.doctor import CHECKS, examine
from statflow.paths import Paths
from statflow.service_checks import (
    WrongError,
    check_accounts,
    check_assets,
    check_clocks,
    check_edges,
    check_mail,
    check_public_url,
    check_redis_room,
    check_salt_place,
    check_secret_files,
    check_store,
    check_store_room,
    check_waiting,
)
from statflow.services import database_url
from statflow.settings import Settings, read_settings
from tests.store.conftest import store_process
from tests.support.redis_server import RedisServer
from tests.support.store_process import StoreProcess

__all__ = ["store_process"]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path / "data")
    found.prepare()
    return found


@pytest.fixture
def server() -> Iterator[RedisServer]:
    running = RedisServer(maxmemory="128mb").start()
    yield running
    running.remove()


def settings(paths: Paths, **given: str) -> Settings:
    environ = {f"STATFLOW_{name.upper()}": value for name, value in given.items()}
    return read_settings(environ, data_dir=paths.data)


@contextmanager
def wrong(said: str) -> Iterator[None]:
    with pytest.raises(WrongError, match=said):
        yield


def test_a_buffer_that_fills_up_is_told(paths: Paths, server: RedisServer) -> None:
    found = settings(paths, redis_url=server.url)
    assert "of 134.2 MB" in check_redis_room(found, paths)
    with Redis.from_url(server.url) as redis:
        for number in range(9):
            redis.set(f"ballast{number}", b"x" * 10_000_000)
    with wrong("edges keep events on their disks"):
        check_redis_room(found, paths)


def test_events_that_nobody_stores_are_told(paths: Paths, server: RedisServer) -> None:
    found = settings(paths, redis_url=server.url)
    assert check_waiting(found, paths).startswith("0 events")
    keys = ShardKeys.of(7)
    with Redis.from_url(server.url) as redis:
        redis.xadd(keys.events, {"d": b"event"})
        with wrong("1 event waits to be stored; no forwarder runs"):
            check_waiting(found, paths)
        redis.hset(keys.lease, "owner", "somebody")
        assert check_waiting(found, paths).startswith("1 event ")


def test_an_edge_that_nobody_hears_of_is_told(paths: Paths, server: RedisServer) -> None:
    found = settings(paths, redis_url=server.url)
    with wrong("none has reported"):
        check_edges(found, paths)
    report = render_report(Speaker("one", "direct", "1.2.3"), Ledger(), Control(), 0)
    with Redis.from_url(server.url) as redis:
        redis.set(PREFIX + "one", report)
    assert check_edges(found, paths) == "1 process reports, of version 1.2.3"


def test_a_wrong_password_of_redis_is_told(paths: Paths, server: RedisServer) -> None:
    with Redis.from_url(server.url) as redis:
        redis.config_set("requirepass", "open sesame")
    given = settings(paths, redis_url=server.url)
    said = {each.part: each.said for each in examine(given, paths)}
    for part in ("redis", "redis memory", "clocks", "edges", "waiting", "dead letters"):
        assert said[part].startswith("Redis refuses us")


def test_salts_that_reach_a_disk_are_told(paths: Paths, server: RedisServer) -> None:
    given = settings(paths, redis_url="redis://127.0.0.1:1/0", salt_url=server.url)
    (said,) = [each.said for each in examine(given, paths) if each.part == "salts"]
    assert "appendonly 'yes', expected 'no'" in said


def test_many_events_that_wait_are_told(
    paths: Paths, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_checks, "MANY_WAITING", 0)
    keys = ShardKeys.of(7)
    with Redis.from_url(server.url) as redis:
        redis.xadd(keys.events, {"d": b"event"})
        redis.hset(keys.lease, "owner", "somebody")
    with wrong("see the forwarder's log"):
        check_waiting(settings(paths, redis_url=server.url), paths)


def test_clocks_that_differ_are_told(
    paths: Paths, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings(paths, redis_url=server.url)
    assert check_clocks(found, paths) == "this machine and Redis agree"
    now = time.time()
    monkeypatch.setattr(service_checks.time, "time", lambda: now + 90)
    with wrong("differ by 9[0-9] s"):
        check_clocks(found, paths)


def test_salts_in_the_buffer_are_told(paths: Paths) -> None:
    with wrong("a Redis of their own"):
        url = "redis://127.0.0.1/0"
        check_salt_place(settings(paths, redis_url=url, salt_url=url), paths)
    assert check_salt_place(settings(paths), paths) == "apart from the buffer"


def test_mail_that_would_lead_to_localhost_is_told(paths: Paths) -> None:
    with wrong("STATFLOW_PUBLIC_URL is not set"):
        check_mail(settings(paths, smtp_url="smtp://127.0.0.1:1"), paths)
    assert "not set" in check_mail(settings(paths), paths)


def test_a_mail_server_that_is_away_is_told(paths: Paths) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"smtp_url": f"smtp://127.0.0.1:{port}", "public_url": "https://p.example"}
    with wrong("does not take us"):
        check_mail(settings(paths, **given), paths)
    controller = Controller(object(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        assert check_mail(settings(paths, **given), paths) == "the mail server takes us"
        given["smtp_url"] = f"smtp://ann:word@127.0.0.1:{port}"
        with wrong("user and password"):
            check_mail(settings(paths, **given), paths)
    finally:
        controller.stop()


def test_a_portal_without_tls_is_told(paths: Paths) -> None:
    with wrong("passwords travel in the clear"):
        check_public_url(settings(paths, public_url="http://stats.example.com"), paths)
    for good in ("https://stats.example.com", "http://localhost:8000"):
        assert check_public_url(settings(paths, public_url=good), paths) == good


def test_missing_assets_are_told(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_assets(settings(paths), paths) == "installed"
    monkeypatch.setattr(service_checks, "VENDOR", tmp_path)
    with wrong("make install"):
        check_assets(settings(paths), paths)


def test_a_full_disk_of_the_store_is_told(
    paths: Paths, store_process: StoreProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings(paths, clickhouse_url=store_process.url)
    assert "B free" in check_store_room(found, paths)
    monkeypatch.setattr(service_checks, "LITTLE_DISK_BYTES", 2**62)
    with wrong("only .*B free on ClickHouse's disk"):
        check_store_room(found, paths)
    with wrong("does not answer"):
        check_store_room(settings(paths), paths)


def test_a_store_that_is_away_refuses_or_is_old_is_told(
    paths: Paths, store_process: StoreProcess
) -> None:
    with wrong("does the one of STATFLOW_CLICKHOUSE_URL run"):
        check_store(settings(paths, clickhouse_url="http://127.0.0.1:1/statflow"), paths)
    port = urlsplit(store_process.url).port
    for login in ("statflow:wrong", "nobody:x"):
        with wrong("refuses us; see STATFLOW_CLICKHOUSE_URL"):
            url = f"http://{login}@127.0.0.1:{port}/statflow"
            check_store(settings(paths, clickhouse_url=url), paths)
    other = store_process.url.rpartition("/")[0] + "/default"
    with wrong("no schema yet: run statflow migrate"):
        check_store(settings(paths, clickhouse_url=other), paths)


def test_accounts_of_another_release_are_told(paths: Paths) -> None:
    found = settings(paths)
    database = Database(database_url(found, paths))
    with wrong("revision none.*run `statflow migrate`"):
        check_accounts(found, paths)
    database.migrate("0010")
    with wrong("revision 0010.*run `statflow migrate`"):
        check_accounts(found, paths)
    database.migrate()
    assert check_accounts(found, paths).endswith("schema up to date")
    with database.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    database.close()
    with wrong("of a newer release"):
        check_accounts(found, paths)


def test_secrets_that_others_can_read_are_told(paths: Paths) -> None:
    paths.secret_key.write_text("secret")
    paths.secret_key.chmod(0o644)
    assert check_secret_files(settings(paths), paths) == "readable by their owner alone"
    paths.data.chmod(0o755)
    with wrong("chmod 700"):
        check_secret_files(settings(paths), paths)


def test_a_redis_that_is_away_is_one_sentence_in_every_line(paths: Paths) -> None:
    found = {each.part: each for each in examine(settings(paths), paths)}
    assert list(found) == [name for name, _ in CHECKS]
    for part in ("redis", "redis memory", "clocks", "edges", "waiting", "dead letters"):
        assert not found[part].good
        assert "Redis does not answer" in found[part].said
        assert "Traceback" not in found[part].said
    assert not any("the check failed" in each.said for each in found.values())


def test_every_line_is_in_the_language_of_who_reads(paths: Paths) -> None:
    english = examine(settings(paths), paths)
    with speaking("fr"):
        french = examine(settings(paths), paths)
    assert [each.part for each in french] == [each.part for each in english]
    same = {a.part for a, b in zip(english, french, strict=True) if a.said == b.said}
    assert same == {"python"}


def test_every_check_has_a_name_of_its_own() -> None:
    names = [name for name, _ in CHECKS]
    assert len(set(names)) == len(names) >= 20


def test_the_page_on_troubles_has_every_check_that_can_fail() -> None:
    page = Path("docs/troubleshooting.md").read_text()
    listed = re.findall(r"^\| ([a-z ]+) \|", page.partition("Not a fault")[0], re.MULTILINE)
    assert listed[1:] == [name for name, _ in CHECKS if name not in {"python", "up"}]
