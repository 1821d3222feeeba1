import re
from pathlib import Path

import pytest

from store.client import Store
from store.migrate import Migration, read_migrations, render_schema

SCHEMA = Path(__file__).parents[2] / "store" / "schema"


def test_the_snapshot_is_what_the_migrations_make(store: Store) -> None:
    """After a change on purpose: write what ``render_schema`` returns to snapshot.sql."""
    made = render_schema(store)
    own = re.findall(
        r"create table if not exists (\w+)", " ".join(m.text for m in read_migrations())
    )
    tables = [table for table in made.split("\n\n") if table.split(" ")[2].split("\n")[0] in own]
    assert "\n\n".join(tables).strip() == (SCHEMA / "snapshot.sql").read_text().strip()


def test_numbers_have_no_gap() -> None:
    numbers = [migration.number for migration in read_migrations()]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("migration", read_migrations(), ids=lambda migration: migration.name)
def test_every_statement_can_be_repeated(migration: Migration) -> None:
    for statement in migration.statements:
        assert re.search(r"\bif (not )?exists\b|\bmodify (setting|column)\b", statement), statement


def test_visits_cancel_and_events_keep_their_order_of_truth(store: Store) -> None:
    engines = dict(
        store.query("select name, engine from system.tables where database = 'statflow'")
    )
    assert engines["sessions"] == "VersionedCollapsingMergeTree"
    assert engines["events"] == engines["batches"] == "MergeTree"
