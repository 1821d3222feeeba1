"""Imported totals: on days before the site's own, on no other, and only where they can tell."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from store.client import Store
from store.imports import Import, Kind, find_import, list_imports, note_import, remove_import
from store.query.rolled import INGREDIENTS
from store.rollup import build_day
from tests.store.query.conftest import Traffic
from tests.store.query.dataset import EPOCH, a_visit

COLUMNS = sorted({name for names in INGREDIENTS.values() for name in names})
ENTRY, EVENTS = "visits:entry", "events"
OWN = "2026-03-05"
_numbers = count(1)

type Row = tuple[str, str, str, str, dict[str, int]]


def sums(visitors: int, visits: int, pageviews: int, **more: int) -> dict[str, int]:
    whole = {"visitors": visitors, "visits": visits, "pageviews": pageviews}
    return whole | {"bounces": 0, "duration_ms": 0} | more


ROWS: list[Row] = [
    ("2026-03-01", ENTRY, "", "", sums(10, 12, 30, bounces=3, duration_ms=120_000)),
    ("2026-03-02", ENTRY, "", "", sums(5, 6, 9)),
    (OWN, ENTRY, "", "", sums(1_000, 1_000, 1_000)),
    ("2026-03-01", ENTRY, "visit:source", "Google", sums(6, 8, 20)),
    ("2026-03-01", ENTRY, "visit:source", "Direct / None", sums(4, 4, 10)),
    ("2026-03-02", ENTRY, "visit:source", "Google", sums(5, 6, 9)),
    (OWN, ENTRY, "visit:source", "Google", sums(1_000, 1_000, 1_000)),
    ("2026-03-01", EVENTS, "event:page", "/", sums(9, 9, 20)),
    ("2026-03-01", EVENTS, "event:page", "/b", sums(3, 3, 10)),
    ("2026-03-01", EVENTS, "event:name", "Signup", {"visitors": 2, "events": 3}),
]


def put_import(store: Store, site_id: int, rows: list[Row], *, act: str = "added") -> Import:
    number = next(_numbers)
    days = [date.fromisoformat(row[0]) for row in rows]
    found = Import(site_id, number, Kind.TOTALS, "plausible", "a.zip", min(days), max(days),
                   len(rows), datetime.now(UTC), complete=True)  # fmt: skip
    columns: dict[str, list[Any]] = {
        "site_id": [site_id] * len(rows),
        "import_id": [number] * len(rows),
        "local_day": [(day - EPOCH).days for day in days],
        "reading": [row[1] for row in rows],
        "dimension": [row[2] for row in rows],
        "value": [row[3] for row in rows],
    }
    columns |= {f"n_{name}": [row[4].get(name, 0) for row in rows] for name in COLUMNS}
    store.insert("imported_totals", columns, token=f"test-{site_id}-{number}")
    holds = {f"{row[1]} {row[2]} {name}" for row in rows for name in row[4]}
    note_import(store, act, found, f"digest-{number}", holds)
    return found


@pytest.fixture
def site(stored: Callable[..., Traffic]) -> Traffic:
    """A site whose own days begin on the day of the last totals."""
    return stored(
        a_visit("UTC", f"{OWN}T10:00:00", source="Google").view("/").view("/b", 30),
        a_visit("UTC", "2026-03-06T10:00:00").view("/b"),
    )


def ask(site: Traffic, **changes: Any) -> Any:
    body = {
        "metrics": ["visitors", "visits", "pageviews"],
        "date_range": ["2026-03-01", "2026-03-06"],
        "include": {"imports": True},
    }
    return site.ask(body | changes, now=datetime(2026, 3, 7, tzinfo=UTC))


def table(answer: Any) -> dict[tuple[str, ...], list[Any]]:
    return {tuple(row["dimensions"]): row["metrics"] for row in answer.results}


def test_totals_are_added_before_the_first_own_day_and_never_after(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site)
    assert table(found) == {(): [17, 20, 42]}
    assert found.meta["imports_included"] is True
    assert table(ask(site, include={})) == {(): [2, 2, 3]}
    by_source = ask(site, dimensions=["visit:source"])
    assert table(by_source) == {("Google",): [12, 15, 31], ("Direct / None",): [5, 5, 11]}


def test_rates_are_of_both_together(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    metrics = ["bounce_rate", "visit_duration", "views_per_visit", "percentage"]
    found = ask(site, metrics=metrics)
    assert table(found) == {(): [20, 8, 2.1, 100]}
    shares = ask(site, metrics=["percentage"], dimensions=["visit:source"])
    assert table(shares) == {("Google",): [70.59], ("Direct / None",): [29.41]}


def test_a_series_is_whole(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site, metrics=["visits"], dimensions=["time:day"])
    assert [row["metrics"][0] for row in found.results] == [12, 6, 0, 0, 1, 1]
    weeks = ask(site, metrics=["visits"], dimensions=["time:month", "visit:source"])
    assert table(weeks)["2026-03-01", "Google"] == [15]


def test_rolled_days_and_totals_go_together(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    before = table(ask(site, dimensions=["visit:source"]))
    build_day(site.store, site.site.id, date.fromisoformat(OWN))
    assert table(ask(site, dimensions=["visit:source"])) == before


def test_pages_and_events_are_told(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    pages = ask(site, metrics=["visitors", "pageviews"], dimensions=["event:page"])
    assert table(pages) == {("/",): [10, 21], ("/b",): [5, 12]}
    events = ask(site, metrics=["visitors", "events"], dimensions=["event:name"])
    assert table(events)["Signup",] == [2, 3]
    one = ask(site, metrics=["pageviews"], filters=[["is", "event:page", ["/"]]])
    assert table(one) == {(): [21]}


def test_a_filter_of_the_one_dimension_counts(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    google = [["is", "visit:source", ["Google"]]]
    assert table(ask(site, filters=google)) == {(): [12, 15, 31]}
    without = ask(site, filters=[["is_not", "visit:source", ["Google"]]])
    assert table(without) == {(): [5, 5, 11]}


def test_a_page_of_rows_and_their_number(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site, metrics=["visits"], dimensions=["visit:source"],
                include={"imports": True, "total_rows": True, "totals": True},
                pagination={"limit": 1, "offset": 0})  # fmt: skip
    assert table(found) == {("Google",): [15]}
    assert (found.meta["total_rows"], found.meta["totals"]) == (2, [20])


def test_what_totals_cannot_tell_is_null_with_a_warning(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site, metrics=["visits", "engaged_time"])
    assert table(found) == {(): [20, None]}
    assert found.meta["metric_warnings"]["engaged_time"]["code"] == "not_imported"
    series = ask(site, metrics=["visits", "engaged_time"], dimensions=["time:day"])
    assert {row["metrics"][1] for row in series.results} == {None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dimensions": ["time:hour"]}, "unsupported_interval"),
        ({"date_range": ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]}, "unsupported_interval"),
        ({"dimensions": ["visit:source", "visit:country"]}, "unsupported_query"),
        ({"dimensions": ["visit:source"], "filters": [["is", "visit:country", ["FR"]]]},
         "unsupported_query"),
        ({"filters": [["contains", "visit:source", ["oo"]]]}, "unsupported_query"),
        ({"filters": [["is", "event:page", ["/", "/b"]]]}, "unsupported_query"),
        ({"filters": [["has_done", ["is", "event:page", ["/"]]]]}, "unsupported_query"),
        ({"dimensions": ["visit:browser"]}, "unsupported_query"),
        ({"dimensions": ["visit:bot"]}, "unsupported_query"),
        ({"metrics": ["engaged_time"]}, "unsupported_query"),
        ({"metrics": ["visits", "engaged_time"], "order_by": [["engaged_time", "desc"]]},
         "unsupported_query"),
        ({"date_range": ["2026-03-05", "2026-03-06"]}, "out_of_range"),
        ({"date_range": ["2026-02-01", "2026-02-02"]}, "out_of_range"),
    ],
)  # fmt: skip
def test_where_totals_cannot_be_added_the_own_numbers_stand_and_a_reason(
    site: Traffic, changes: dict[str, Any], reason: str
) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site, **changes)
    assert found.meta["imports_included"] is False
    assert found.meta["imports_skip_reason"] == reason
    assert ("imports_warning" in found.meta) is reason.startswith("unsupported")
    own = ask(site, **changes, include={})
    assert found.results == own.results


def test_a_site_without_imports_says_so(site: Traffic) -> None:
    assert ask(site).meta["imports_skip_reason"] == "no_imported_data"
    assert "imports_included" not in ask(site, include={}).meta


def test_an_import_that_is_not_finished_is_not_read(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS, act="begun")
    assert ask(site).meta["imports_skip_reason"] == "no_imported_data"


def test_a_comparison_takes_the_totals_of_its_own_days(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site, metrics=["visits"], date_range=[OWN, "2026-03-06"],
                include={"imports": True, "comparisons": {
                    "mode": "custom", "date_range": ["2026-03-01", "2026-03-02"]}})  # fmt: skip
    assert found.meta["imports_included"] is True
    assert found.results[0]["metrics"] == [2]
    assert found.results[0]["comparison"]["metrics"] == [18]


def test_all_time_begins_with_the_imports(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    found = ask(site, date_range="all")
    assert table(found) == {(): [17, 20, 42]}
    assert found.query["date_range"][0].startswith("2026-03-01")
    assert ask(site, date_range="all", include={}).query["date_range"][0].startswith(OWN)


def test_only_what_every_import_in_the_range_can_tell_is_told(site: Traffic) -> None:
    put_import(site.store, site.site.id, ROWS)
    put_import(site.store, site.site.id, [("2026-02-01", ENTRY, "", "", sums(1, 1, 1))])
    wide = {"date_range": ["2026-02-01", "2026-03-06"]}
    assert table(ask(site, **wide)) == {(): [18, 21, 43]}
    assert ask(site, **wide, dimensions=["visit:source"]).meta["imports_included"] is False
    assert ask(site, dimensions=["visit:source"]).meta["imports_included"] is True


def test_an_import_is_listed_and_removed_with_its_rows(site: Traffic) -> None:
    made = put_import(site.store, site.site.id, ROWS)
    (listed,) = list_imports(site.store, site.site.id)
    assert (listed.id, listed.rows, listed.complete) == (made.id, len(ROWS), True)
    for _ in range(2):
        remove_import(site.store, listed)
    assert list_imports(site.store, site.site.id) == []
    gone = find_import(site.store, site.site.id, made.name)
    assert gone is not None
    assert gone.removed
    assert ask(site).meta["imports_skip_reason"] == "no_imported_data"
    rows = (
        "select count() from imported_totals where import_id = {i:UInt64} and site_id = {s:UInt32}"
    )
    assert site.store.query(rows, {"i": made.id, "s": site.site.id}) == [(0,)]
