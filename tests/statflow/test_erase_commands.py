"""``statflow erase`` and ``statflow site reset``: what they ask for, and how they refuse."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from click.testing import Result
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.forwarder.erasure import Erasure
from edge.sites import shard_of
from portal.commands import add_site, ensure_default_team, remove_site, site_named
from portal.database import Database
from portal.sites.switches import change_site
from statflow.erasing import send_due
from statflow.paths import Paths
from statflow.role_portal import keep_retention
from tests.statflow.test_cli import data, printed, run
from tests.support.redis_server import RedisServer

__all__ = ["data"]

KEYS = ShardKeys.of(shard_of(1))
DAY_MS = 86_400_000


@pytest.fixture
def server() -> Iterator[RedisServer]:
    opened = RedisServer().start()
    yield opened
    opened.remove()


@pytest.fixture
def site(data: Path) -> Path:
    arguments = ("a.example", "--upstream", "http://127.0.0.1:1", "--timezone", "Asia/Tokyo")
    assert printed(run(data, "site", "add", *arguments))["id"] == 1
    return data


def give(server: RedisServer, data: Path, *arguments: str, text: str | None = None) -> Result:
    return run(data, *arguments, text=text, STATFLOW_REDIS_URL=server.url)


def asked(server: RedisServer, shard: int = shard_of(1)) -> list[Erasure]:
    with Redis.from_url(server.url) as redis:
        entries = redis.xrange(ShardKeys.of(shard).events)
        return [Erasure.parse(fields[b"c"]) for _, fields in entries]


def test_a_reset_is_asked_for_in_the_site_s_stream(server: RedisServer, site: Path) -> None:
    answer = printed(give(server, site, "site", "reset", "a.example", "--yes", "--wait", "0"))
    assert (answer["site_id"], answer["done"]) == (1, False)
    (erasure,) = asked(server)
    assert erasure.is_reset
    with Redis.from_url(server.url) as redis:
        assert redis.hgetall(KEYS.counts) == {b"1:control": b"1"}


def test_conditions_travel_by_the_site_s_clock(server: RedisServer, site: Path) -> None:
    conditions = ("--after", "2026-01-01", "--before", "2026-01-02T00:00Z", "--path", "/a/*",
                  "--property", "plan=a=b", "--visitor", "7")  # fmt: skip
    printed(give(server, site, "erase", "a.example", *conditions, "--yes", "--wait", "0"))
    (erasure,) = asked(server)
    midnight_ms = round(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)
    assert erasure.before_ms == midnight_ms
    assert erasure.after_ms == midnight_ms - DAY_MS - 9 * 3_600_000
    assert (erasure.path, erasure.prop, erasure.visitor) == ("/a/*", ("plan", "a=b"), 7)


def test_the_command_waits_until_the_writer_has_come_past(server: RedisServer, site: Path) -> None:
    late = give(server, site, "site", "reset", "1", "--yes", "--wait", "0.2")
    assert late.exit_code == 1
    assert "once the forwarder has come so far" in late.stderr
    with Redis.from_url(server.url) as redis:
        redis.set(KEYS.done, f"{2**52}-0")
    assert printed(give(server, site, "site", "reset", "1", "--yes"))["done"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("erase", "a.example", "--yes"), "say what"),
        (("erase", "a.example", "--before", "yesterday", "--yes"), "expected 2026-01-31"),
        (("erase", "a.example", "--property", "=gold", "--yes"), "expected NAME or NAME=VALUE"),
        (("erase", "b.example", "--path", "/", "--yes"), "There is no site b.example."),
        (("site", "reset", "b.example", "--yes"), "There is no site b.example."),
    ],
)
def test_a_wrong_request_is_a_sentence_and_asks_for_nothing(
    server: RedisServer, site: Path, arguments: tuple[str, ...], words: str
) -> None:
    refused = give(server, site, *arguments)
    assert refused.exit_code != 0
    assert words in refused.stderr
    assert asked(server) == []


def test_nothing_is_erased_without_a_yes(server: RedisServer, site: Path) -> None:
    refused = give(server, site, "site", "reset", "a.example", text="n\n")
    assert refused.exit_code == 1
    assert "cannot be brought back" in refused.output
    assert asked(server) == []


def test_a_redis_that_is_away_is_a_sentence_and_the_request_stands(
    server: RedisServer, site: Path
) -> None:
    server.stop()
    refused = give(server, site, "site", "reset", "a.example", "--yes")
    assert "Redis does not answer" in refused.stderr
    assert "stands, and is sent once it does" in refused.stderr
    server.start()
    database = Database(f"sqlite:///{Paths(site).accounts}")
    send_due(server.url, database, datetime.now(UTC))
    database.close()
    (erasure,) = asked(server)
    assert erasure.is_reset


def test_under_a_hold_nothing_is_asked_for(server: RedisServer, site: Path) -> None:
    held = ("hold", "set", "a.example", "--until", "2030-01-01", "--reason", "A claim")
    number = printed(give(server, site, *held))["id"]
    for command in (("site", "reset", "1"), ("erase", "a.example", "--path", "/")):
        refused = give(server, site, *command, "--yes", "--wait", "0")
        assert refused.exit_code == 1
        assert "A claim" in refused.stderr
    assert asked(server) == []
    assert (
        printed(give(server, site, "hold", "lift", "a.example", str(number)))["in_force"] is False
    )
    assert [
        row["id"] for row in json.loads(give(server, site, "hold", "list", "a.example").stdout)
    ] == [number]
    printed(give(server, site, "erase", "a.example", "--path", "/", "--yes", "--wait", "0"))
    assert len(asked(server)) == 1


def test_the_numbers_of_a_deleted_site_go_once_no_edge_takes_more(
    server: RedisServer, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'accounts.db'}")
    database.migrate()
    deleted_at = datetime(2026, 1, 1, tzinfo=UTC)
    with database.writing() as session:
        ensure_default_team(session)
        site_id = add_site(session, "a.example", "http://127.0.0.1:1").id
    with database.writing() as session:
        remove_site(session, site_named(session, "a.example"), deleted_at)
    shard = shard_of(site_id)
    send_due(server.url, database, deleted_at.replace(second=5))
    assert asked(server, shard) == []
    later = deleted_at.replace(second=30)
    server.stop()
    with pytest.raises(Exception, match="Redis does not answer"):
        send_due(server.url, database, later)
    server.start()
    for _ in range(2):
        send_due(server.url, database, later)
    (erasure,) = asked(server, shard)
    assert (erasure.site_id, erasure.is_reset) == (site_id, True)
    database.close()


def test_once_a_day_what_a_site_no_longer_keeps_is_asked_to_go(
    server: RedisServer, database_url: str
) -> None:
    database = Database(database_url)
    with database.writing() as session:
        kept = add_site(session, "kept.example", "http://127.0.0.1:1").id
        site = add_site(session, "old.example", "http://127.0.0.1:1", timezone="Asia/Tokyo")
        change_site(session, site, {"retention_days": "10"})
        shard, site_id = shard_of(site.id), site.id
    now = datetime(2026, 3, 20, 18, tzinfo=UTC)
    server.stop()
    with pytest.raises(Exception, match="Redis does not answer"):
        keep_retention(server.url, database, 0, now)
    server.start()
    for _ in range(3):
        keep_retention(server.url, database, 0, now)
    (erasure,) = asked(server, shard)
    assert (erasure.site_id, erasure.chosen_by) == (site_id, ["before"])
    # In Tokyo it is the 21st; ten days with today are from the 12th on.
    before = datetime(2026, 3, 11, 15, tzinfo=UTC)
    assert erasure.before_ms == before.timestamp() * 1000
    assert asked(server, shard_of(kept)) == []
    keep_retention(server.url, database, 0, now + timedelta(days=1))
    assert len(asked(server, shard)) == 2
    database.close()


def test_what_would_go_is_counted(server: RedisServer, site: Path) -> None:
    """The command starts a store of its own where none runs."""
    assert run(site, "migrate").exit_code == 0
    line = {"ts": "2026-01-02T03:04:05Z", "name": "pageview", "url": "https://a.example/x",
            "visitor": "v"}  # fmt: skip
    file = site / "events.ndjson"
    file.write_bytes(orjson.dumps(line) + b"\n")
    assert printed(run(site, "import", "a.example", str(file)))["events"] == 1
    answer = printed(give(server, site, "erase", "a.example", "--path", "/x", "--dry-run"))
    assert answer.pop("rows")["sessions"] == 1
    assert answer == {"site_id": 1, "events": 1, "visits": 1, "erased": False}
    assert (
        json.loads(give(server, site, "erase", "1", "--path", "/y", "--dry-run").stdout)["events"]
        == 0
    )
    assert asked(server) == []
