"""From the request to the certificate, with the real writer, engine and Redis."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import connect
from edge.event import encode_event
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.sites import shard_of
from portal.commands import ensure_default_team, remove_site, site_named
from portal.data.certificates import Signer, check_file
from portal.data.requests import Chosen, ask_erasure
from portal.database import Database
from portal.models import ErasureRequest, Site, SiteHost
from portal.sites.retention import Outdated
from statflow.erasing import certify, count_chosen, send_due
from statflow.role_portal import archive_outdated, keep_retention
from statflow.settings import read_settings
from store.client import Store, StoreUnavailable
from store.migrate import migrate
from tests.statflow.test_cli import data, printed, run
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

__all__ = ["data"]

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SIGNER = Signer("only for tests")
PATHS = ("/", "/old/a", "/old/b")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened
        opened.close()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    opened = RedisServer().start()
    yield opened
    opened.remove()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'accounts.db'}")
    opened.migrate()
    yield opened
    opened.close()


def a_site(database: Database, host: str, site_id: int) -> int:
    """Add a site under a number that no other test's rows have."""
    with database.writing() as session:
        team = ensure_default_team(session)
        session.add(
            Site(
                id=site_id,
                team_id=team.id,
                host=host,
                public_key=host,
                created_at=NOW,
                upstreams=["http://127.0.0.1:1"],
                hosts=[SiteHost(host=host)],
            )
        )
    return site_id


def append(server: RedisServer, site_id: int) -> None:
    keys = ShardKeys.of(shard_of(site_id))
    with Redis.from_url(server.url) as redis:
        for number, path in enumerate(PATHS):
            event = an_event(site_id=site_id, path=path, visitor=number + 1, props={"plan": "gold"})
            redis.xadd(keys.events, {"d": encode_event(event)})
            redis.hincrby(keys.counts, f"{site_id}:received", 1)


def forward(server: RedisServer, store: Store, site_id: int) -> None:
    """Be the writer of the site's shard until its stream is empty."""

    async def write() -> None:
        shard = shard_of(site_id)
        redis = connect(server.url, timeout_s=10)
        lease = Lease(redis, ShardKeys.of(shard).lease, owner="one", kept_ms=60_000)
        assert await lease.take()
        writer = ShardWriter(redis, store, shard, lease, batch_events=100)
        await writer.open(1)
        while await writer.forward():
            pass
        await redis.aclose()

    asyncio.run(write())


def certificate(database: Database, key: str) -> dict[str, object]:
    with database.reading() as session:
        row = session.get_one(ErasureRequest, key)
        assert row.chosen_secret is None
        file = {"statement": row.statement, "signature": row.signature}
    return check_file(json.dumps(file).encode(), SIGNER.public_key)


def test_a_part_goes_and_is_certified(
    server: RedisServer, store: Store, database: Database
) -> None:
    site_id = a_site(database, "part.example", 878_301)
    append(server, site_id)
    forward(server, store, site_id)
    chosen = Chosen(path="/old/*", prop="plan", value="gold")
    assert count_chosen(store, site_id, "UTC", chosen, NOW)["events"] == 2
    with database.writing() as session:
        site = site_named(session, "part.example")
        key = ask_erasure(session, site, chosen, NOW, reason="They asked").key
    assert list(send_due(server.url, database, NOW)) == [key]
    assert send_due(server.url, database, NOW) == {}, "it is sent once"
    assert certify(store, database, SIGNER) == [], "it is not carried out yet"
    forward(server, store, site_id)
    assert certify(store, database, SIGNER) == [key]
    assert certify(store, database, SIGNER) == []
    stated = certificate(database, key)
    assert stated["complete"] is True
    assert stated["conditions"] == {"path": "/old/*", "prop": "plan", "value": "not kept"}
    assert stated["tables"]["events"] == {"erased": 2, "left": 0}  # type: ignore[index]
    assert "gold" not in json.dumps(stated)
    left = "select path from events where site_id = {site:UInt32}"
    assert store.query(left, {"site": site_id}) == [("/",)]


def test_the_certificate_of_a_site_outlives_it(
    server: RedisServer, store: Store, database: Database
) -> None:
    site_id = a_site(database, "gone.example", 878_302)
    append(server, site_id)
    forward(server, store, site_id)
    with database.writing() as session:
        key = remove_site(session, site_named(session, "gone.example"), NOW)
    assert send_due(server.url, database, NOW + timedelta(seconds=5)) == {}
    assert list(send_due(server.url, database, NOW + timedelta(seconds=11))) == [key]
    forward(server, store, site_id)
    certify(store, database, SIGNER)
    stated = certificate(database, key)
    assert stated["site"] == {"id": site_id, "host": "gone.example"}
    assert stated["erased"] == "everything"
    assert {counts["left"] for counts in stated["tables"].values()} == {0}  # type: ignore[attr-defined]
    assert stated["tables"]["sessions"]["erased"] == 3  # type: ignore[index]


def test_a_store_that_is_away_certifies_nothing_and_forgets_nothing(
    server: RedisServer, store: Store, database: Database
) -> None:
    site_id = a_site(database, "away.example", 878_303)
    with database.writing() as session:
        key = ask_erasure(session, site_named(session, "away.example"), Chosen(), NOW).key
    send_due(server.url, database, NOW)
    forward(server, store, site_id)
    with pytest.raises(StoreUnavailable):
        certify(Store("http://127.0.0.1:1"), database, SIGNER)
    assert certify(store, database, SIGNER) == [key]


def test_before_days_go_by_age_they_are_archived_or_stay(
    server: RedisServer, store: Store, database: Database, tmp_path: Path
) -> None:
    site_id = a_site(database, "old.example", 878_304)
    append(server, site_id)
    forward(server, store, site_id)
    with database.writing() as session:
        site_named(session, "old.example").retention_days = 10
    folder = tmp_path / "archive"
    settings = read_settings({"STATFLOW_ARCHIVE_DIR": str(folder), "STATFLOW_ARCHIVE_K": "2"})
    tried: list[Outdated] = []

    def in_vain(old: Outdated) -> bool:
        tried.append(old)
        return archive_outdated(settings, Store("http://127.0.0.1:1"), old)

    keep_retention(server.url, database, 0, NOW, in_vain)
    assert [old.site_id for old in tried] == [site_id]
    keys = ShardKeys.of(shard_of(site_id))
    with Redis.from_url(server.url) as redis:
        assert redis.xlen(keys.events) == 0, "what is not archived is not asked to go"
    tomorrow = NOW + timedelta(days=1)
    keep_retention(
        server.url, database, 0, tomorrow, lambda old: archive_outdated(settings, store, old)
    )
    (file,) = (folder / str(site_id)).iterdir()
    assert file.name == "days-2026-01-01-2026-01-01.parquet"
    assert file.read_bytes()[:4] == b"PAR1"
    forward(server, store, site_id)
    left = "select count() from events where site_id = {site:UInt32}"
    assert store.query(left, {"site": site_id}) == [(0,)]


def test_certificates_are_listed_shown_and_checked(
    data: Path, server: RedisServer, tmp_path: Path
) -> None:
    def give(*arguments: str) -> Result:
        return run(data, *arguments, STATFLOW_REDIS_URL=server.url)

    printed(give("site", "add", "a.example", "--upstream", "http://127.0.0.1:1"))
    key = printed(give("site", "reset", "a.example", "--yes", "--wait", "0"))["certificate"]
    (row,) = json.loads(give("certificates", "list", "--json").stdout)
    assert (row["certificate"], row["what"], row["done"]) == (key, "everything", False)
    shown = run(data, "certificates", "show", key)
    assert shown.exit_code == 1
    assert "not done yet" in shown.stderr
    file = tmp_path / "certificate.json"
    file.write_text("{}")
    assert "no certificate" in run(data, "certificates", "check", str(file)).stderr
