"""``statflow deadletter`` beside a Redis: what it prints, moves and refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.event import encode_event
from edge.sites import shard_of
from tests.statflow.test_cli import data, printed, run
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer

__all__ = ["data"]

SITE = 1
SHARD = shard_of(SITE)
KEYS = ShardKeys.of(SHARD)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    opened = RedisServer().start()
    yield opened
    opened.remove()


@pytest.fixture
def letters(server: RedisServer) -> list[str]:
    """One readable letter of a site, one of nobody's that cannot be read."""
    readable = encode_event(an_event(site_id=SITE, path="/again"))
    with Redis.from_url(server.url) as redis:
        names = [
            redis.xadd(KEYS.dead, {"id": "1-0", "site": site, "why": why, "size": 1, "d": body})
            for site, why, body in ((SITE, "refused 469", readable), (0, "unreadable", b""))
        ]
        redis.hset(KEYS.counts, mapping={"1:received": 2, "1:dead": 1, "0:dead": 1})
    return [f"{SHARD}:{name.decode()}" for name in names]


def give(server: RedisServer, data: Path, *arguments: str, **options: Any) -> Result:
    return run(data, "deadletter", *arguments, STATFLOW_REDIS_URL=server.url, **options)


def waiting(server: RedisServer) -> tuple[int, int]:
    with Redis.from_url(server.url) as redis:
        return redis.xlen(KEYS.dead), redis.xlen(KEYS.events)


def test_letters_are_listed(server: RedisServer, data: Path, letters: list[str]) -> None:
    rows = json.loads(give(server, data, "list", "--json").stdout)
    assert [row["id"] for row in rows] == letters
    assert [(row["site_id"], row["readable"]) for row in rows] == [(SITE, True), (None, False)]
    table = give(server, data, "list", "--site", "1").stdout.splitlines()
    assert table[0].startswith("ID")
    assert len(table) == 2
    assert "refused 469" in table[1]


def test_what_can_be_read_is_sent_again_and_the_rest_kept(
    server: RedisServer, data: Path, letters: list[str]
) -> None:
    answer = give(server, data, "replay", "--all", "--json")
    told = json.loads(answer.stdout)
    assert told["replayed"] == 1
    assert [row["id"] for row in told["kept"]] == [letters[1]]
    assert answer.exit_code == 1
    assert "repair it, or discard it" in answer.stderr
    assert waiting(server) == (1, 1)


def test_a_letter_is_repaired_from_a_file(
    server: RedisServer, data: Path, letters: list[str]
) -> None:
    repaired = encode_event(an_event(site_id=SITE)).decode()
    answer = give(server, data, "replay", letters[1], "--repaired", "-", text=f"{repaired}\n")
    assert answer.stdout == "1 sent again, 0 kept\n"
    assert waiting(server) == (1, 1)
    refused = give(server, data, "replay", "--all", "--repaired", "-", text=repaired)
    assert "exactly one ID" in refused.stderr


def test_letters_are_discarded(server: RedisServer, data: Path, letters: list[str]) -> None:
    assert printed(give(server, data, "drop", "--site", "0", "--json")) == {"dropped": 1}
    assert give(server, data, "drop", letters[0]).stdout == "1 discarded\n"
    assert waiting(server) == (0, 0)
    assert printed(give(server, data, "drop", "--all", "--json")) == {"dropped": 0}


def test_nobody_means_all_by_saying_nothing(
    server: RedisServer, data: Path, letters: list[str]
) -> None:
    for verb in ("replay", "drop"):
        refused = give(server, data, verb)
        assert refused.exit_code == 2
        assert "say which" in refused.stderr
    assert waiting(server) == (len(letters), 0)


def test_a_host_names_its_site(server: RedisServer, data: Path, letters: list[str]) -> None:
    added = run(data, "site", "add", "a.example", "--upstream", "http://127.0.0.1:1")
    assert printed(added)["id"] == SITE
    rows = json.loads(give(server, data, "list", "--json", "--site", "a.example").stdout)
    assert [row["id"] for row in rows] == letters[:1]
    refused = give(server, data, "drop", "--site", "b.example")
    assert "There is no site b.example." in refused.stderr


def test_a_wrong_id_and_a_missing_redis_are_sentences(server: RedisServer, data: Path) -> None:
    assert "is no id of a dead letter" in give(server, data, "drop", "seven").stderr
    server.stop()
    refused = give(server, data, "list")
    assert refused.exit_code == 1
    assert "Redis does not answer" in refused.stderr
    assert "Traceback" not in refused.output


def test_the_doctor_says_that_there_are_some_and_what_to_do(
    server: RedisServer, data: Path, letters: list[str]
) -> None:
    def said() -> dict[str, Any]:
        result = run(data, "doctor", "--json", STATFLOW_REDIS_URL=server.url)
        (found,) = [row for row in json.loads(result.stdout) if row["part"] == "dead letters"]
        return dict(found)

    assert not said()["good"]
    assert "1 of a site unknown, 1 of site 1" in said()["said"]
    assert "statflow deadletter list" in said()["said"]
    assert give(server, data, "drop", *letters).exit_code == 0
    assert said()["good"]
