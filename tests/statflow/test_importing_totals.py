"""Totals of another product: brought in once, whole or not at all, and never two of one day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edge.importer import ImportFileError
from edge.sites import Site
from statflow import importing_totals
from statflow.formats import plausible
from statflow.importing_totals import import_totals
from store.client import Store
from store.imports import list_imports, remove_import
from store.migrate import migrate
from store.query.model import QuerySite
from store.query.parse import parse_query
from store.query.run import run_query
from tests.statflow.formats.exports import PLAUSIBLE, plausible_archive
from tests.support.factories import a_site
from tests.support.store_process import running_store

_ids = count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened
        opened.close()


@pytest.fixture
def site() -> Site:
    return a_site(id=next(_ids), host="own.example")


def bring(store: Store, site: Site, file: Path, **options: Any) -> dict[str, Any]:
    options = {"dry_run": False, **options}
    return import_totals(
        store, site, file, form="plausible", make_reader=plausible.Reader, **options
    )


def visits(store: Store, site: Site) -> int:
    asked = QuerySite(site.id, site.host, "UTC")
    body = {"metrics": ["visits"], "date_range": ["2023-01-01", "2023-12-31"],
            "include": {"imports": True}}  # fmt: skip
    found = run_query(store, parse_query(body, asked), asked, datetime(2024, 1, 1, tzinfo=UTC))
    return int(found.results[0]["metrics"][0])


def test_a_dry_run_tells_what_there_is_and_writes_nothing(
    store: Store, site: Site, tmp_path: Path
) -> None:
    told = bring(store, site, plausible_archive(tmp_path), dry_run=True)
    assert told["dry_run"] is True
    assert (told["first"], told["last"], told["read_before"]) == ("2023-02-09", "2023-02-10", None)
    assert told["skipped"] == {"city: a number of GeoNames, whose names are not here": 2}
    assert list_imports(store, site.id) == []
    assert visits(store, site) == 0


def test_the_same_file_twice_changes_nothing(store: Store, site: Site, tmp_path: Path) -> None:
    file = plausible_archive(tmp_path)
    first = bring(store, site, file)
    again = bring(store, site, file)
    assert (first["present"], again["present"]) == (False, True)
    assert first["import"] == again["import"]
    assert visits(store, site) == 18
    (listed,) = list_imports(store, site.id)
    assert (listed.file, listed.first, listed.last) == (
        file.name, date(2023, 2, 9), date(2023, 2, 10))  # fmt: skip


def test_one_that_was_cut_is_not_read_and_goes_on(
    store: Store, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing_totals, "CHUNK_ROWS", 7)
    file = plausible_archive(tmp_path)

    def cut(rows: int) -> None:
        if rows >= 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(store, site, file, progress=cut)
    assert visits(store, site) == 0
    (listed,) = list_imports(store, site.id)
    assert not listed.complete
    told = bring(store, site, file)
    assert told["import"] == listed.name
    assert visits(store, site) == 18
    rows = "select count() from imported_totals where site_id = {s:UInt32}"
    assert store.query(rows, {"s": site.id}) == [(told["totals"],)]


def test_no_two_imports_tell_of_the_same_day(store: Store, site: Site, tmp_path: Path) -> None:
    bring(store, site, plausible_archive(tmp_path))
    heading = PLAUSIBLE["imported_visitors"].partition("\n")[0]
    longer = {"imported_visitors": f"{heading}\n2023-02-10,99,99,99,99,99\n2023-02-11,1,1,1,1,1\n"}
    told = bring(store, site, plausible_archive(tmp_path, longer))
    assert told["skipped"] == {"totals of days that another import covers": 1}
    assert (told["first"], told["last"]) == ("2023-02-11", "2023-02-11")
    assert visits(store, site) == 19
    covered = {"imported_visitors": f"{heading}\n2023-02-10,99,99,99,99,99\n"}
    with pytest.raises(ImportFileError, match="holds nothing to import: totals of days"):
        bring(store, site, plausible_archive(tmp_path, covered))


def test_what_was_removed_may_come_again(store: Store, site: Site, tmp_path: Path) -> None:
    file = plausible_archive(tmp_path)
    first = bring(store, site, file)
    remove_import(store, list_imports(store, site.id)[0])
    assert visits(store, site) == 0
    again = bring(store, site, file)
    assert again["import"] != first["import"]
    assert visits(store, site) == 18
