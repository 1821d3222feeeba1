"""Sums of days that name nobody: what is in the file, what is not, and the rule of k."""

import io
from datetime import date
from typing import Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped] # it has no types

from store.archive import FEW, archive_days, months_until
from store.client import Store
from store.rollup import COLUMNS
from tests.store.query.dataset import Event, a_visit, store_traffic

SITE = 878_200
FIRST, LAST = date(2026, 10, 31), date(2026, 11, 1)
K = 3
FROM = {"country": "FR", "source": "Google"}
type Row = dict[str, Any]


def traffic() -> list[Event]:
    """Two days: on the first five read /, one of them /secret; three use Firefox, two Lynx."""
    events: list[Event] = []
    for n in range(5):
        browser = "Firefox" if n < 3 else "Lynx"
        visit = a_visit("UTC", f"2026-10-31T0{n}:00:00", browser=browser, **FROM).view("/")
        events += (visit.view("/secret", 30) if n == 4 else visit).events
    events += a_visit("UTC", "2026-11-01T09:00:00", browser="Firefox").view("/").events
    events += a_visit("UTC", "2026-11-02T09:00:00").view("/later").events
    return events


@pytest.fixture(scope="module")
def rows(store: Store, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    store_traffic(store, SITE, traffic(), "archive")
    file = tmp_path_factory.mktemp("archive") / "days.parquet"
    file.write_bytes(b"".join(archive_days(store, SITE, FIRST, LAST, K)))
    return read_parquet(file.read_bytes())


def read_parquet(raw: bytes) -> list[Row]:
    """Read it with another reader than what wrote it."""
    return list(parquet.read_table(io.BytesIO(raw)).to_pylist())


def of(rows: list[Row], dimension: str, day: date = FIRST) -> dict[str, Row]:
    found = [r for r in rows if r["dimension"] == dimension and r["local_day"] == day]
    return {row["value"]: row for row in found if row["visitors"]}


def test_its_columns_are_those_that_are_documented(rows: list[Row]) -> None:
    assert list(rows[0]) == ["local_day", "dimension", "reading", "value", *COLUMNS]


def test_a_value_is_named_from_k_visitors_on(rows: list[Row]) -> None:
    browsers = of(rows, "visit:browser")
    assert {value: row["visitors"] for value, row in browsers.items()} == {"Firefox": 3, FEW: 2}
    pages = of(rows, "event:page")
    assert {value: row["visitors"] for value, row in pages.items()} == {"/": 5, FEW: 1}


def test_a_day_of_few_visitors_names_nothing_but_itself(rows: list[Row]) -> None:
    (whole,) = of(rows, "", LAST).values()
    assert (whole["visitors"], whole["pageviews"]) == (1, 1)
    named = {row["value"] for row in rows if row["local_day"] == LAST and row["dimension"]}
    assert named <= {FEW, ""}


def test_what_is_not_named_is_in_the_sums(rows: list[Row]) -> None:
    (whole,) = of(rows, "").values()
    assert whole["visitors"] == 5
    for dimension in ("visit:browser", "visit:country", "visit:source"):
        assert sum(row["visitors"] for row in of(rows, dimension).values()) == 5


def test_nothing_that_few_share_is_anywhere_in_it(rows: list[Row]) -> None:
    text = repr(rows)
    for word in ("secret", "Lynx", "later"):
        assert word not in text


def test_only_days_that_were_asked_for_are_in_it(store: Store, rows: list[Row]) -> None:
    assert {row["local_day"] for row in rows} == {FIRST, LAST}
    assert months_until(store, SITE, LAST) == [(FIRST, FIRST), (LAST, LAST)]


def test_one_alone_is_never_named(store: Store) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        archive_days(store, SITE, FIRST, LAST, 1)
