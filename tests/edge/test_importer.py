"""Past events: the same rows as live traffic makes, once, however often they are imported."""

from collections.abc import Iterator
from typing import Any

import pytest

from edge import importer
from edge.importer import ImportFileError, import_events, import_number, parse_line
from store.client import Store
from store.migrate import migrate
from tests.support.factories import a_site
from tests.support.store_process import running_store

SITE = a_site(timezone="Europe/Paris")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened
        opened.close()


def a_line(ts: str = "2026-01-02T10:00:00.000Z", **changes: Any) -> dict[str, Any]:
    line = {"ts": ts, "visitor": "v", "name": "pageview", "url": "https://shop.example/a?x=1"}
    return line | changes


def test_a_line_is_derived_as_live_traffic_is() -> None:
    event = parse_line(
        a_line(referrer="https://www.google.com/search?q=secret", country="FR", browser="Firefox"),
        SITE,
    )
    assert (event.path, event.source, event.channel) == ("/a", "Google", "Organic Search")
    assert (event.country, event.browser, event.scroll) == ("FR", "Firefox", 255)
    assert "secret" not in "".join(str(value) for value in event)


def test_what_the_line_says_itself_wins() -> None:
    event = parse_line(a_line(source="Letter", utm_medium="email"), SITE)
    assert (event.source, event.channel) == ("Letter", "Email")


def test_the_day_before_is_an_alias_so_that_a_visit_over_midnight_is_one() -> None:
    late = parse_line(a_line("2026-01-02T22:50:00Z"), SITE)
    early = parse_line(a_line("2026-01-02T23:10:00Z"), SITE)
    assert early.local_day == late.local_day + 1
    assert early.previous == late.visitor
    assert early.visitor != late.visitor


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"visitor": ""}, "visitor"),
        ({"visitor": 7}, "visitor"),
        ({"ts": "yesterday"}, "ts"),
        ({"ts": "2026-01-02T10:00:00"}, "zone"),
        ({"ts": None}, "ts"),
        ({"url": "/relative"}, "u"),
        ({"name": ""}, "n"),
        ({"country": 3}, "country"),
    ],
)
def test_a_bad_line_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ImportFileError, match=said):
        parse_line(a_line() | changes, SITE)


def test_the_same_import_twice_changes_nothing_and_a_cut_one_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "CHUNK_EVENTS", 3)
    lines = [
        a_line(f"2026-01-02T10:{minute:02d}:00Z", visitor=f"v{minute % 2}", url=url)
        for minute in range(10)
        for url in [f"https://shop.example/{minute}"]
    ]
    events = [parse_line(line, SITE) for line in lines]
    number = import_number(SITE.id, "test")

    def cut() -> Iterator[Any]:
        yield from events[:7]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        import_events(store, number, cut())
    summary = import_events(store, number, events)
    assert (summary.events, summary.chunks, summary.chunks_present) == (10, 4, 2)
    again = import_events(store, number, events)
    assert again.chunks_present == 4
    assert store.query("select count(), uniqExact(stream_ms) from events") == [(10, 10)]
    assert store.query("select sum(sign), sum(sign * pageviews) from sessions") == [(2, 10)]
    assert store.query("select count() from batches where shard = 255") == [(4,)]


def test_an_empty_import_writes_nothing(store: Store) -> None:
    assert import_events(store, import_number(SITE.id, "empty"), []).chunks == 0
