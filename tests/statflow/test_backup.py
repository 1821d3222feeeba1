"""Accounts and analytics in one file, and back: on either database, whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from edge.importer import import_events, parse_line
from edge.sites import parse_site
from portal.commands import add_site, add_user, remove_site, site_payload
from portal.database import Database
from portal.models import AuditEntry, Base, Site, SiteAnnotation, SiteSegment, User
from statflow.backup import BackupError, make_backup
from statflow.paths import Paths
from statflow.restore import RestoreError, restore_backup
from statflow.settings import Settings, read_settings
from statflow.up import UpError, _refuse_half_restored
from store import dumping
from store.client import Store
from store.migrate import apply_migrations, migrate, read_migrations
from tests.support.store_process import StoreProcess, running_store

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 10, 15, 20, tzinfo=UTC)
PEOPLE = 40
NUMBERS = (
    "select local_day, sum(sign * pageviews), sum(sign), uniqExact(visitor), sum(sign * engaged_ms)"
    " from sessions group by local_day order by local_day"
)
ROWS = (
    "select name, path, props, ts, visitor, visit_id, stream_ms from events order by ts, visit_id"
)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        yield process


class Place:
    """One installation: a data folder, a database of accounts, a database of numbers."""

    def __init__(self, process: StoreProcess, folder: Path, name: str, database_url: str) -> None:
        Store(process.url).command(f"create database {name}")
        self.environ = {
            "STATFLOW_CLICKHOUSE_URL": process.url.removesuffix("statflow") + name,
            "STATFLOW_DATABASE_URL": database_url,
            "STATFLOW_DATA_DIR": str(folder),
        }
        self.settings: Settings = read_settings(self.environ)
        self.paths = Paths(folder)
        self.paths.prepare()
        self.store = Store(self.settings.clickhouse_url)
        self.database = Database(database_url)

    def backup(self, file: Path) -> dict[str, Any]:
        return make_backup(self.settings, self.paths, file, lambda *_: None)

    def restore(self, file: Path, *, force: bool = False) -> dict[str, Any]:
        return restore_backup(self.settings, self.paths, file, lambda *_: None, force=force)

    def accounts(self) -> dict[str, Any]:
        """Everything in every table, but for what a backup leaves out."""
        with self.database.reading() as session:
            return {
                table.name: [
                    tuple(row)
                    for row in session.execute(select(table).order_by(*table.primary_key.columns))
                ]
                for table in Base.metadata.sorted_tables
                if table.name not in {"user_sessions", "one_time_links"}
            }


@pytest.fixture
def place(process: StoreProcess, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Make installations; without a URL their accounts are in SQLite."""
    made: list[Place] = []

    def make(url: str = "") -> Place:
        number = time.time_ns()
        folder = tmp_path / f"d{len(made)}"
        folder.mkdir()
        made.append(Place(process, folder, f"i{number}", url or f"sqlite:///{folder / 'a.db'}"))
        return made[-1]

    yield make
    for each in made:
        each.database.close()
        name = each.settings.clickhouse_url.rpartition("/")[2]
        Store(process.url).command(f"drop database if exists {name} sync")


def fill(place: Place, host: str = "shop.example") -> Site:
    """Give an installation a person, a site, and a month of visits."""
    place.database.migrate()
    migrate(place.store)
    with place.database.writing() as session:
        add_user(session, "ada@example.org", "plum harbour slow", admin=True, now=NOW)
        gone = add_site(session, "gone.example", "http://a:1")
        remove_site(session, gone, NOW)
        site = add_site(session, host, "http://a:1", timezone="Europe/Paris", aliases=["b.example"])
        user = session.scalars(select(User)).one()
        filters: list[Any] = [["is", "visit:country", ["FR"]]]
        session.add(
            SiteSegment(
                site_id=site.id, user_id=user.id, name="Ü\n", filters=filters, created_at=NOW
            )
        )
        session.add(
            SiteAnnotation(site_id=site.id, day=date(2026, 11, 1), text="!", created_at=NOW)
        )
        payload = site_payload(site)
    known = parse_site(payload)
    begin = datetime(2026, 9, 20, 12, tzinfo=UTC)
    lines = [
        {
            "ts": (begin + timedelta(hours=5 * i, milliseconds=i)).isoformat(
                timespec="milliseconds"
            ),
            "visitor": str(i % PEOPLE),
            "name": ("pageview", "Sign up")[i % 3 == 0],
            "url": f"https://{host}/caf%C3%A9/{i % 7}",
            "props": {"a\\b": "tab\tline"} if i % 3 == 0 else {},
        }
        for i in range(300)
    ]
    import_events(
        place.store, site.id, (parse_line(line, known) for line in lines), lambda *_: None
    )
    columns = {
        "site_id": [site.id] * 2,
        "ts": [round(NOW.timestamp() * 1000)] * 2,
        "local_day": [20_000] * 2,
        "kind": ["page"] * 2,
        "path": ["/a", "/b"],
    }
    place.store.insert("hits", columns, token="hits")
    return site


@pytest.fixture(scope="module")
def good(process: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path]:
    """One installation and its backup, which nobody changes."""
    folder = tmp_path_factory.mktemp("good")
    source = Place(process, folder, "good", f"sqlite:///{folder / 'a.db'}")
    fill(source)
    source.backup(folder / "all.zip")
    return source, folder / "all.zip"


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_what_is_restored_elsewhere_is_the_same(
    place: Callable[..., Place],
    empty_url: str,
    into: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    source = place(empty_url)
    fill(source)
    said = source.backup(tmp_path / "all.zip")
    assert said["rows"]["events"] == 300
    assert said["rows"]["hits"] == 2
    assert (tmp_path / "all.zip").stat().st_mode & 0o077 == 0
    url = request.getfixturevalue("postgres").create() if into == "postgresql" else ""
    target = place(url)
    told = target.restore(tmp_path / "all.zip")
    assert told["rows"] == said["rows"]
    assert told["same_secret_key"] is False
    assert target.accounts() == source.accounts()
    for question in (NUMBERS, ROWS, "select * from hits order by path", "select * from batches"):
        assert target.store.query(question) == source.store.query(question)
    with target.database.writing() as session:
        # No id is given again, not even that of a site which was deleted before the backup.
        assert add_site(session, "new.example", "http://a:1").id == 3
        assert session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert not target.paths.restoring.exists()


def test_the_copy_of_visits_is_removed(good: tuple[Place, Path]) -> None:
    source, _ = good
    names = source.store.query(
        "select name from system.tables where database = currentDatabase() and name like 'dump_%'"
    )
    assert names == []


def test_only_whole_batches_are_in_it(place: Callable[..., Place], tmp_path: Path) -> None:
    """A batch whose events are stored and whose visits are not yet is left out, with its marker."""
    source, target = place(), place()
    site = fill(source)
    position = {"shard": [255], "generation": [site.id], "stream_ms": [10**9], "stream_seq": [0]}
    row = {"site_id": [site.id], "ts": [1_790_000_000_000], "local_day": [20_700], "visit_id": [1]}
    source.store.insert("events", {**row, **position, "name": ["pageview"]}, token="unfinished")
    said = source.backup(tmp_path / "all.zip")
    assert said["rows"]["events"] == 300
    assert source.store.query("select count() from events") == [(301,)]
    target.restore(tmp_path / "all.zip")
    assert target.store.query("select count() from events") == [(300,)]


def test_a_backup_replaces_nothing(good: tuple[Place, Path], tmp_path: Path) -> None:
    source, _ = good
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(BackupError, match="exists already"):
        source.backup(tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_text() == "mine"
    said = source.backup(tmp_path)
    assert Path(said["file"]).name.startswith("statflow-")
    with pytest.raises(BackupError, match="cannot be written"):
        source.backup(tmp_path / "no" / "folder.zip")


def test_what_is_here_is_replaced_only_by_force(
    place: Callable[..., Place], good: tuple[Place, Path], empty_url: str
) -> None:
    (source, file), target = good, place(empty_url)
    fill(target, "other.example")
    before = target.accounts()
    with pytest.raises(RestoreError, match="accounts, sites, numbers here already"):
        target.restore(file)
    assert target.accounts() == before
    target.restore(file, force=True)
    assert target.accounts() == source.accounts()
    assert target.store.query(NUMBERS) == source.store.query(NUMBERS)


def damaged(file: Path, how: str, target: Path) -> Path:
    """Write a copy of a backup in which something is wrong."""
    if how == "cut off":
        target.write_bytes(file.read_bytes()[:-200])
        return target
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        if how == "newer accounts":
            manifest["accounts"]["revision"] = "9999"
        if how == "newer tables":
            manifest["analytics"]["migrations"]["9999"] = "0" * 64
        if how == "newer format":
            manifest["format"] = 2
        for name in old.namelist():
            data = old.read(name)
            if how == "a line changed" and name.startswith("analytics/events"):
                data = data.replace(b"pageview", b"pagevieW", 1)
            missing = how == "a file missing" and name == "accounts/users.jsonl"
            if not missing and name != "manifest.json":
                new.writestr(name, data)
        if how != "no manifest":
            new.writestr("manifest.json", json.dumps(manifest))
    return target


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut off", "damaged or no backup"),
        ("no manifest", "manifest.json cannot be read"),
        ("a line changed", "is not what was written"),
        ("a file missing", "users.jsonl"),
        ("newer accounts", "another release.*accounts at 9999"),
        ("newer tables", "another release.*tables at 9999"),
        ("newer format", "another release.*format 2"),
    ],
)
def test_a_file_that_is_not_right_changes_nothing(
    place: Callable[..., Place], good: tuple[Place, Path], tmp_path: Path, how: str, words: str
) -> None:
    target = place()
    file = damaged(good[1], how, tmp_path / "bad.zip")
    with pytest.raises(RestoreError, match=words) as caught:
        target.restore(file)
    assert "Nothing was changed." in str(caught.value)
    assert not target.paths.restoring.exists()
    assert (
        target.store.query("select name from system.tables where database = currentDatabase()")
        == []
    )


def test_an_older_backup_is_brought_up_to_date(place: Callable[..., Place], tmp_path: Path) -> None:
    """As an older release wrote it: fewer columns and tables, an earlier revision."""
    source, target = place(), place()
    source.database.migrate("0014")
    with source.database.engine.connect() as connection:
        connection.exec_driver_sql("select 1")
    apply_migrations(source.store, [m for m in read_migrations() if m.number <= 3])
    columns = {
        "site_id": [1], "ts": [1_790_000_000_000], "local_day": [20_700], "name": ["pageview"],
        "shard": [1], "generation": [5], "stream_ms": [1], "stream_seq": [0], "visit_id": [9],
    }  # fmt: skip
    source.store.insert("events", columns, token="a")
    visit = {
        "site_id": [1], "visit_id": [9], "local_day": [20_700], "anchor": [1_790_000_000_000],
        "pageviews": [1], "shard": [1], "generation": [5], "last_stream_ms": [1],
        "last_stream_seq": [0], "version": [1], "sign": [1],
    }  # fmt: skip
    source.store.insert("sessions", visit, token="a")
    file = as_older_release(source, tmp_path / "old.zip")
    target.restore(file)
    assert target.store.query("select count(), sum(is_first) from events") == [(1, 0)]
    with target.database.reading() as session:
        assert session.scalars(select(Site.host)).all() == ["old.example"]
        assert session.scalars(select(Site.retention_days)).all() == [0]
        assert session.execute(text("select version_num from alembic_version")).scalar() == "0027"


def as_older_release(source: Place, file: Path) -> Path:
    """Write what a release at revision 0014 with three schema files would have written."""
    team = {"id": 1, "name": "Default", "created_at": "2026-01-02T03:04:05+00:00", "ends_at": None}
    site = {
        "id": 1, "team_id": 1, "host": "old.example", "public_key": "k", "timezone": "UTC",
        "created_at": "2026-01-02T03:04:05+00:00", "upstreams": ["http://a:1"], "prefix": "/sf",
        "mode": "on", "hash_routes": False, "respect_dnt": True, "csp": "amend",
        "client_ip": "peer", "kept_params": [], "currency": "EUR", "max_body_bytes": 0,
        "debug": False, "debug_key": "", "upstream_host": "",
    }  # fmt: skip
    rows = {"teams": team, "sites": site}
    accounts = {name: json.dumps(row).encode() + b"\n" for name, row in rows.items()}
    with zipfile.ZipFile(file, "w") as archive, dumping.open_dump(source.store) as dump:
        told: dict[str, Any] = {
            "format": 1, "statflow": "0.0.1", "made_at": "2026-01-01T00:00:00+00:00", "key": "",
            "accounts": {"revision": "0014", "last_ids": {"sites": 4}, "files": []},
            "analytics": {"migrations": dumping.migrations_of(source.store), "files": []},
        }  # fmt: skip
        for name, body in accounts.items():
            path = f"accounts/{name}.jsonl"
            archive.writestr(path, body)
            digest = sha256(body).hexdigest()
            told["accounts"]["files"].append(
                {"file": path, "table": name, "rows": 1, "sha256": digest}
            )
        for piece in dump.pieces:
            body = b"".join(dump.lines(piece))
            path = f"analytics/{piece.name}"
            archive.writestr(path, body)
            told["analytics"]["files"].append(
                {"file": path, "table": piece.table, "columns": piece.columns, "rows": piece.rows,
                 "sha256": sha256(body).hexdigest()}
            )  # fmt: skip
        archive.writestr("manifest.json", json.dumps(told))
    return file


def spawn(place: Place, *arguments: str) -> "subprocess.Popen[bytes]":
    environ = {k: v for k, v in os.environ.items() if not k.startswith("STATFLOW_")}
    return subprocess.Popen(
        [sys.executable, "-m", "statflow.cli", *arguments],
        cwd=ROOT,
        env=environ | place.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_when(running: "subprocess.Popen[bytes]", seen: Callable[[], bool]) -> None:
    while not seen():
        assert running.poll() is None
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()


def test_a_backup_that_is_killed_leaves_no_file(good: tuple[Place, Path], tmp_path: Path) -> None:
    source, _ = good
    running = spawn(source, "backup", str(tmp_path / "all.zip"))
    kill_when(running, lambda: any(tmp_path.iterdir()))
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert source.backup(tmp_path / "all.zip")["rows"]["events"] == 300


def test_a_restore_that_is_killed_is_begun_again(
    place: Callable[..., Place], good: tuple[Place, Path]
) -> None:
    (source, file), target = good, place()
    running = spawn(target, "restore", str(file))
    kill_when(running, target.paths.restoring.exists)
    with pytest.raises(UpError, match="has not ended"):
        _refuse_half_restored(target.paths)
    target.restore(file)
    assert target.accounts() == source.accounts()
    assert target.store.query(NUMBERS) == source.store.query(NUMBERS)


def test_numbers_of_a_site_that_is_no_more_go(place: Callable[..., Place], tmp_path: Path) -> None:
    source, target = place(), place()
    site = fill(source)
    with source.database.writing() as session:
        session.delete(session.get_one(Site, site.id))
    source.backup(tmp_path / "all.zip")
    assert target.restore(tmp_path / "all.zip")["erased_sites"] == [site.id]
