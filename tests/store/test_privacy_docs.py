"""What is said to be stored is what is stored."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRIVACY = (ROOT / "docs/privacy.md").read_text()
SCHEMA = (ROOT / "store/schema/snapshot.sql").read_text()
NOT_OF_VISITORS = {
    "erasures",
    "batches",
    "schema_migrations",
    "rollup_builds",
    "dirty_days",
    "imports",
}


def columns_of(table: str) -> set[str]:
    body = SCHEMA.partition(f"CREATE TABLE {table}\n")[2].partition("ENGINE =")[0]
    return set(re.findall(r"^    `(\w+)` ", body, re.MULTILINE))


def test_every_column_about_visitors_is_named() -> None:
    tables = set(re.findall(r"^CREATE TABLE (\w+)$", SCHEMA, re.MULTILINE)) - NOT_OF_VISITORS
    assert {"events", "sessions"} <= tables
    named = set(re.findall(r"`(\w+)`", PRIVACY))
    for table in tables:
        assert columns_of(table) - named == set(), table


def test_nothing_is_said_to_be_stored_that_is_not() -> None:
    rows = PRIVACY.partition("| columns |")[2].partition("\n\n")[0].splitlines()[2:]
    claimed = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert claimed - columns_of("events") == set()
