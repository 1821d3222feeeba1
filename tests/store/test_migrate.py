from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count
from urllib.parse import urlsplit, urlunsplit

import pytest

from store.client import Store
from store.migrate import (
    LOCK_LIFE_S,
    Migration,
    MigrationError,
    apply_migrations,
    check_tables,
    check_window,
    find_pending,
    migrate,
    read_migrations,
    require_tables,
)
from tests.support.store_process import StoreProcess

_numbers = count()


@pytest.fixture
def empty(store: Store, store_process: StoreProcess) -> Store:
    """A store whose database is new."""
    name = f"empty_{next(_numbers)}"
    store.command(f"create database {name}")
    return Store(urlunsplit(urlsplit(store_process.url)._replace(path=f"/{name}")))


def names(store: Store) -> list[str]:
    return [name for (name,) in store.query("show tables")]


def test_a_new_store_gets_every_file_once(empty: Store) -> None:
    wanted = [migration.name for migration in read_migrations()]
    assert migrate(empty) == wanted
    assert migrate(empty) == []
    recorded = empty.query("select name from schema_migrations order by number")
    assert [name for (name,) in recorded] == wanted
    assert check_tables(empty) == []


def test_several_at_once_apply_each_file_once(empty: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(chain.from_iterable(pool.map(lambda _: migrate(empty), range(4))))
    assert sorted(applied) == [migration.name for migration in read_migrations()]
    assert not [name for name in names(empty) if "lock" in name]


def test_a_crash_between_statement_and_record_is_repeated(empty: Store) -> None:
    for migration in read_migrations():
        for statement in migration.statements:
            empty.command(statement)
    assert len(migrate(empty)) == len(read_migrations())
    assert check_tables(empty) == []


def test_a_changed_file_is_an_error(empty: Store) -> None:
    first, *rest = read_migrations()
    migrate(empty)
    changed = Migration(rest[0].number, rest[0].name, rest[0].text + "-- changed\n")
    with pytest.raises(MigrationError, match=r"0001_events\.sql has changed"):
        apply_migrations(empty, [first, changed, *rest[1:]])
    assert not [name for name in names(empty) if "lock" in name]


def test_a_new_file_is_applied_to_an_old_store(empty: Store) -> None:
    migrate(empty)
    table = "create table if not exists {} (a Int8)\nengine = Memory;\n"
    text = "-- two\n" + table.format("n1") + table.format("n2")
    new = Migration(9_999, "9999_new.sql", text)
    assert apply_migrations(empty, [*read_migrations(), new]) == ["9999_new.sql"]
    assert {"n1", "n2"} <= set(names(empty))
    assert check_tables(empty) == ["The store was migrated by a newer release than this one."]


def test_nobody_serves_from_a_store_of_another_release(empty: Store) -> None:
    with pytest.raises(MigrationError, match=r"0001_events\.sql.* not applied.*statflow migrate"):
        require_tables(empty)
    migrate(empty)
    require_tables(empty)
    text = "create table if not exists n3 (a Int8)\nengine = Memory;\n"
    newer = [*read_migrations(), Migration(9_999, "9999_new.sql", text)]
    apply_migrations(empty, newer)
    for start in (require_tables, migrate):
        with pytest.raises(MigrationError, match=r"newer release than this one\. Install"):
            start(empty)
    assert not [name for name in names(empty) if "lock" in name]


def test_the_lock_of_a_killed_migrate_runs_out(empty: Store) -> None:
    now = empty.query("select toUnixTimestamp(now())")[0][0]
    empty.command(f"create table migration_lock_dead (a Int8) engine = Memory comment '{now - 1}'")
    assert migrate(empty)
    assert "migration_lock_dead" not in names(empty)


def test_a_living_lock_is_waited_for(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = empty.query("select toUnixTimestamp(now())")[0][0]
    until = now + LOCK_LIFE_S
    empty.command(f"create table migration_lock_other (a Int8) engine = Memory comment '{until}'")
    monkeypatch.setattr("store.migrate.LOCK_WAIT_S", 0.2)
    with pytest.raises(MigrationError, match="another migrate is running"):
        migrate(empty)
    assert names(empty) == ["migration_lock_other"]


def test_doctor_is_told_what_is_missing(empty: Store) -> None:
    assert check_tables(empty) == ["The store has no schema yet: run statflow migrate."]
    left = ("0003", "0007")
    steps = read_migrations()
    apply_migrations(empty, [step for step in steps if not step.name.startswith(left)])
    assert check_tables(empty) == [
        "0003_batches.sql is not applied: run statflow migrate.",
        "0007_signals.sql is not applied: run statflow migrate.",
        "Table signals is missing: run statflow migrate.",
        "Table batches is missing: run statflow migrate.",
    ]


def test_doctor_is_told_of_a_short_window(empty: Store) -> None:
    migrate(empty)
    empty.command("alter table events modify setting non_replicated_deduplication_window = 100")
    empty.command("alter table sessions reset setting non_replicated_deduplication_window")
    assert check_tables(empty) == [
        "Table events: non_replicated_deduplication_window is 100, it must be at least 10000.",
        "Table sessions: non_replicated_deduplication_window is 0, it must be at least 10000.",
    ]


REPLICATED = "ReplicatedMergeTree('/p', '{replica}') order by a settings index_granularity = 8192"


@pytest.mark.parametrize(
    ("engine", "defaults", "problems"),
    [
        (f"{REPLICATED}, replicated_deduplication_window_seconds = 604800", 10_000, 0),
        (REPLICATED, 10_000, 1),
        (REPLICATED, 1_000, 2),
        (f"{REPLICATED}, non_replicated_deduplication_window = 20000", 1_000, 2),
        ("MergeTree settings non_replicated_deduplication_window = 10000", 0, 0),
        ("MergeTree settings non_replicated_deduplication_window = 9999", 0, 1),
        ("Memory", 0, 1),
    ],
)
def test_windows_are_judged_by_kind_of_table(engine: str, defaults: int, problems: int) -> None:
    given = {
        "replicated_deduplication_window": defaults,
        "replicated_deduplication_window_seconds": 3_600,
    }
    assert len(check_window("events", engine, given)) == problems


def test_pending_is_what_is_not_recorded() -> None:
    one, two = Migration(1, "0001_a.sql", "select 1;"), Migration(2, "0002_b.sql", "select 2;")
    assert find_pending([one, two], {1: one.checksum}) == [two]
    assert find_pending([one], {1: one.checksum, 7: "of a newer release"}) == []


def test_statements_end_with_a_semicolon_at_the_end_of_a_line() -> None:
    text = "-- a; b\nselect ';', 1\n;\n\nselect 2;\n-- the end;\n"
    assert Migration(1, "0001_a.sql", text).statements == ["-- a; b\nselect ';', 1", "select 2"]
