"""Raw events as a file: which, in which form, for whom, and never without a record."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped] # it has no types
from sqlalchemy import select

from portal.data.requests import Chosen
from portal.models import AuditEntry, Role
from statflow.exporting import stream_events
from store.client import Store, StoreUnavailable
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_shop, store_visits

DATA = "/sites/shop.example/data"


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store) -> Portal:
    portal = make_portal(store, download=partial(stream_events, store))
    add_shop(portal, store_visits(store, 905_100, "download"))
    return portal


def download(person: Person, **typed: str) -> Any:
    data = {f"raw-{name}": value for name, value in ({"form": "ndjson"} | typed).items()}
    return person.post(f"{DATA}/download", data, form_at=DATA)


def content(answer: Any) -> bytes:
    """Read a file to its end, as a browser does."""
    with answer:
        return bytes(answer.data)


def taken(portal: Portal) -> list[tuple[str, str, str]]:
    columns = (AuditEntry.act, AuditEntry.subject, AuditEntry.who)
    with portal.database.reading() as session:
        rows = session.execute(select(*columns).where(AuditEntry.kind == "events"))
        return [(act, subject, who) for act, subject, who in rows]


def test_lines_and_rows_are_what_is_stored_and_who_took_them_is_recorded(
    shop: Portal, store: Store, tmp_path: Any
) -> None:
    owner = shop.user("a@b.c", Role.OWNER)
    assert 'id="download"' in owner.get(DATA).text
    whole = download(owner)
    lines = [json.loads(line) for line in content(whole).splitlines()]
    of_site = "from events where site_id = 905100"
    assert len(lines) == store.query(f"select count() {of_site}")[0][0] > 0
    assert [line["ts"] for line in lines] == sorted(line["ts"] for line in lines)
    assert whole.content_type == "application/x-ndjson"
    name = 'attachment; filename="shop.example-events.ndjson"'
    assert whole.headers["Content-Disposition"] == name

    path = lines[0]["url"].removeprefix("https://shop.example")
    day = lines[0]["ts"][:10]
    some = content(download(owner, path=path, first=day, last=day))
    found = [json.loads(line) for line in some.splitlines()]
    assert found == [
        line for line in lines if line["url"] == lines[0]["url"] and line["ts"].startswith(day)
    ]
    assert 0 < len(found) < len(lines)

    file = tmp_path / "events.parquet"
    file.write_bytes(content(download(owner, form="parquet", visitor=lines[0]["visitor"])))
    table = parquet.read_table(file)
    assert {str(visitor) for visitor in table["visitor"].to_pylist()} == {lines[0]["visitor"]}
    ours = "database = currentDatabase() and table = 'events'"
    columns = store.query(f"select name from system.columns where {ours}")
    assert set(table.column_names) == {name for (name,) in columns}
    told = [subject for act, subject, who in taken(shop) if (act, who) == ("downloaded", "a@b.c")]
    assert told[0] == "ndjson"
    assert told[1].startswith("ndjson, after_ms=")
    assert told[2] == "parquet, visitor=not kept"


def test_an_editor_takes_nothing(shop: Portal) -> None:
    editor = shop.user("a@b.c", Role.EDITOR)
    assert 'id="download"' not in editor.get(DATA).text
    assert download(editor).status_code == 403
    assert taken(shop) == []


@pytest.mark.parametrize(
    ("typed", "status", "word"),
    [
        ({"first": "soon"}, 422, "Type a day"),
        ({"value": "gold"}, 422, "Type the property"),
        ({"form": "xls"}, 400, ""),
    ],
)
def test_what_is_typed_wrong_is_said_beside_it(
    shop: Portal, typed: dict[str, str], status: int, word: str
) -> None:
    answer = download(shop.user("a@b.c", Role.OWNER), **typed)
    assert answer.status_code == status
    assert word in answer.text
    assert taken(shop) == []


def test_pieces_are_read_as_they_are_sent_and_two_at_once(
    make_portal: Callable[..., Portal],
) -> None:
    read: list[int] = []

    def pieces(*_: Any) -> Iterator[bytes]:
        for number in range(3):
            read.append(number)
            yield b"%d" % number

    portal = make_portal(download=pieces)
    add_shop(portal, 905_101)
    owner = portal.user("a@b.c", Role.OWNER)
    first, second = download(owner), download(owner)
    assert read == [0, 0], "the rest is read once somebody takes it"
    refused = download(owner)
    assert refused.status_code == 302
    assert "Others are downloading" in owner.get(DATA).text
    assert len(taken(portal)) == 2
    assert content(first) == b"012"
    second.close()
    assert content(download(owner)) == b"012"


def test_a_store_that_is_away_gives_no_file_and_no_record(
    make_portal: Callable[..., Portal],
) -> None:
    def away(_site: int, _zone: str, _chosen: Chosen, form: str) -> Iterator[bytes]:
        if form:
            raise StoreUnavailable("gone")
        yield b""

    portal = make_portal(download=away)
    add_shop(portal, 905_102)
    owner = portal.user("a@b.c", Role.OWNER)
    for _ in range(3):
        assert download(owner).status_code == 302
    assert "cannot be read just now" in owner.get(DATA).text
    assert taken(portal) == []
