import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from clickhouse_connect.driver.insert import InsertContext

from store.client import MAX_INSERT_ROWS, Store, StoreError, StoreUnavailable
from tests.support.store_process import StoreProcess

NOON_MS = 1_767_268_800_123
NOON = datetime(2026, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC)
DAY = 20_454


def some_events(site_id: int, rows: int = 3, **changes: Any) -> dict[str, list[Any]]:
    """Events of one site, one a millisecond."""
    columns: dict[str, list[Any]] = {
        "site_id": [site_id] * rows,
        "ts": [NOON_MS + row for row in range(rows)],
        "local_day": [DAY] * rows,
        "visitor": list(range(rows)),
        "visit_id": [2**64 - 1] * rows,
        "name": ["pageview"] * rows,
    }
    return columns | changes


def count(store: Store, site_id: int, table: str = "events") -> int:
    sql = f"select count() from {table} where site_id = {{site:UInt32}}"
    return int(store.query(sql, {"site": site_id})[0][0])


def test_values_come_back_as_they_were_given(store: Store) -> None:
    props = [{"plan": "pro", "größe": "'\\\t\n"}, {}]
    columns = some_events(
        101, 2, props=props, interactive=[True, False], revenue_minor=[-5, 2**62], path=["/é", ""]
    )
    assert store.insert("events", columns, token="101") == 2
    rows = store.query(
        "select ts, local_day, visitor, visit_id, name, props, interactive, revenue_minor, path"
        " from events where site_id = 101 order by ts"
    )
    big, second = 2**64 - 1, NOON.replace(microsecond=124_000)
    assert rows == [
        (NOON, date(2026, 1, 1), 0, big, "pageview", props[0], True, -5, "/é"),
        (second, date(2026, 1, 1), 1, big, "pageview", {}, False, 2**62, ""),
    ]


def test_every_column_of_every_table_can_be_written_and_read(store: Store) -> None:
    recent = datetime.now(UTC).replace(microsecond=123_000)  # some columns forget old rows
    for table in ("events", "sessions", "batches"):
        types = store.query(
            "select name, type from system.columns"
            " where database = currentDatabase() and table = {table:String}",
            {"table": table},
        )
        values = {name: [a_value(name, kind, recent)] for name, kind in types}
        store.insert(table, values, token=f"every-{table}")
        names = ", ".join(values)
        own = "site_id = 102" if "site_id" in values else "generation = 102"
        (row,) = store.query(f"select {names} from {table} where {own}")
        wanted = [recent if "DateTime64" in kind else values[name][0] for name, kind in types]
        assert [date(2026, 1, 1) if v == DAY else v for v in wanted] == list(row)


def a_value(name: str, kind: str, recent: datetime) -> Any:
    if name in {"site_id", "generation"}:
        return 102
    if kind.startswith("Map"):
        return {"a": "b"}
    if "String" in kind:
        return f"some {name}"
    if "DateTime64" in kind:
        return (recent - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return {"Bool": True, "Date": DAY}.get(kind, 1)


def test_the_same_token_twice_is_stored_once(store: Store) -> None:
    february = NOON_MS + 40 * 86_400_000
    columns = some_events(103, ts=[NOON_MS, february, february])
    for _ in range(3):
        assert store.insert("events", columns, token="103") == 3
    assert count(store, 103) == 3


def test_pairs_of_session_rows_are_stored_once(store: Store) -> None:
    for _ in range(2):
        store.insert("sessions", some_session(1), token="104-a")
    for _ in range(2):
        store.insert("sessions", some_session(-1, 1), token="104-b")
    rows = store.query("select sum(sign), count() from sessions where site_id = 104")
    assert rows[0][0] == 1


def some_session(*signs: int) -> dict[str, list[Any]]:
    rows = len(signs)
    return {
        "site_id": [104] * rows,
        "visit_id": [1] * rows,
        "anchor": [NOON_MS] * rows,
        "version": list(range(1, rows + 1)),
        "sign": list(signs),
    }


def test_a_full_insert_is_one_part(store: Store) -> None:
    columns = some_events(105, MAX_INSERT_ROWS)
    columns["ts"] = [NOON_MS + 400 * 86_400_000] * MAX_INSERT_ROWS
    assert store.insert("events", columns, token="105") == MAX_INSERT_ROWS
    parts = store.query(
        "select rows from system.parts where database = currentDatabase()"
        " and table = 'events' and partition = '202702' and level = 0"
    )
    assert parts == [(MAX_INSERT_ROWS,)]


def test_an_insert_leaves_its_rows_to_nobody(store: Store) -> None:
    gc.collect()
    gc.disable()  # What only the collector finds would keep a forwarder's batches for minutes.
    try:
        store.insert("events", some_events(121), token="121")
        with pytest.raises(StoreError):
            store.insert("events", some_events(121, ts=["no", "times", "these"]), token="121-b")
        left = [found for found in gc.get_objects() if isinstance(found, InsertContext)]
        assert [vars(context) for context in left if vars(context)] == []
    finally:
        gc.enable()


def test_no_rows_are_no_insert(store: Store) -> None:
    assert store.insert("events", {"site_id": []}, token="none") == 0


@pytest.mark.parametrize(
    ("table", "columns", "code"),
    [
        ("nowhere", {"a": [1]}, 60),
        ("events", {"nothing": [1]}, 16),
        ("events", {"site_id": [1, 2], "name": ["a"]}, 0),
        ("events", {"site_id": [1] * (MAX_INSERT_ROWS + 1)}, 0),
        ("events", {"site_id": ["one"]}, 0),
        ("events", {"site_id": [106], "props": ["no map"]}, 0),
        ("events", {"site_id": [106, 106], "ts": [1, None]}, 0),
    ],
)
def test_what_does_not_fit_is_refused_whole(
    store: Store, table: str, columns: dict[str, list[Any]], code: int
) -> None:
    with pytest.raises(StoreError) as caught:
        store.insert(table, columns, token="106")
    assert caught.value.code == code
    assert count(store, 106) == 0


def test_a_bad_value_far_behind_stores_nothing(store: Store) -> None:
    columns = some_events(107, 90_000)
    columns["name"][-1] = None
    with pytest.raises(StoreError):
        store.insert("events", columns, token="107")
    assert count(store, 107) == 0
    columns["name"][-1] = "ok"
    assert store.insert("events", columns, token="107") == 90_000
    assert count(store, 107) == 90_000


def test_parameters_are_bound_not_pasted(store: Store) -> None:
    odd = "'; drop table events; -- \\ \t\n é {x:String}"
    names = ["a'b", "c\\d", odd]
    rows = store.query(
        "select {odd:String}, {names:Array(String)}, {n:Int64}, {day:Date}, {at:DateTime64(3)}",
        {"odd": odd, "names": names, "n": -7, "day": date(2026, 1, 1), "at": NOON},
    )
    assert rows[0][:4] == (odd, names, -7, date(2026, 1, 1))


def test_a_long_parameter_travels_in_a_form(store: Store) -> None:
    text = "é" * 40_000
    assert store.query("select length({text:String})", {"text": text}) == [(80_000,)]


def test_errors_keep_code_and_text(store: Store) -> None:
    with pytest.raises(StoreError, match=r"^Code: 60\..*nowhere") as caught:
        store.query("select * from nowhere")
    assert caught.value.code == 60


def test_an_error_in_the_middle_of_a_long_result_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="throwIf") as caught:
        store.query("select throwIf(number = 1500000), toString(number) from numbers(2000000)")
    assert caught.value.code == 395


def test_limits_are_told_apart_from_mistakes(store: Store) -> None:
    slow = "select count() from numbers(100000000000) where sipHash64(number) = 1"
    with pytest.raises(StoreError) as caught:
        store.query(slow, settings={"max_execution_time": 0.2})
    assert caught.value.code == 159
    with pytest.raises(StoreUnavailable, match="241"):
        store.query(
            "select groupArray(number) from numbers(10000000)",
            settings={"max_memory_usage": 20_000_000},
        )


def test_a_command_returns_its_value(store: Store) -> None:
    assert store.command("select {n:UInt8} + 1", {"n": 2}) == 3


def test_many_threads_use_one_store(store: Store) -> None:
    def ask(number: int) -> list[tuple[Any, ...]]:
        return store.query("select {n:UInt32}", {"n": number})

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(40))) == [[(number,)] for number in range(40)]


def test_a_wrong_secret_is_an_error(store_process: StoreProcess) -> None:
    store = Store(f"http://statflow:wrong@127.0.0.1:{store_process.port}/statflow")
    with pytest.raises(StoreError, match="Authentication failed") as caught:
        store.query("select 1")
    assert caught.value.code == 516


def test_nobody_at_home_is_unavailable() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as free:
        port = free.server_port
    store = Store(f"http://statflow:x@127.0.0.1:{port}/statflow")
    assert store.ping() is False
    with pytest.raises(StoreUnavailable):
        store.insert("events", {"site_id": [1]}, token="x")


def test_a_server_error_without_a_code_is_unavailable(store_process: StoreProcess) -> None:
    with relay(store_process.port, status=502) as port, pytest.raises(StoreUnavailable):
        a_store(port).query("select 1")


@pytest.mark.parametrize(("written", "stored"), [("3", True), ("0", True), ("2", False)])
def test_the_count_that_comes_back_is_compared(
    store: Store, store_process: StoreProcess, written: str, stored: bool
) -> None:
    summary = f'{{"written_rows": "{written}"}}'
    with relay(store_process.port, summary=summary) as port:
        behind = a_store(port)
        if stored:
            assert behind.insert("events", some_events(108), token=f"108-{written}") == 3
        else:
            with pytest.raises(StoreError, match="3 rows sent, 2 written"):
                behind.insert("events", some_events(108), token=f"108-{written}")


def test_an_insert_without_a_count_is_not_believed(
    store: Store, store_process: StoreProcess
) -> None:
    with (
        relay(store_process.port, summary="{}") as port,
        pytest.raises(StoreError, match="no count"),
    ):
        a_store(port).insert("events", some_events(109), token="109")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8123", "clickhouse://h/d"])
def test_a_bad_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="store's URL"):
        Store(url)


def a_store(port: int) -> Store:
    return Store(f"http://statflow:test-secret@127.0.0.1:{port}/statflow")


@contextmanager
def relay(to_port: int, *, status: int = 0, summary: str = "") -> Iterator[int]:
    """A server between client and store that changes the status or the summary."""

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b""
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                while length := int(self.rfile.readline(), 16):
                    body += self.rfile.read(length + 2)[:-2]
                self.rfile.readline()
            body += self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {"Authorization": self.headers["Authorization"]}
            upstream = HTTPConnection("127.0.0.1", to_port)
            upstream.request("POST", self.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
            self.send_response(status or answer.status)
            for name in ("X-ClickHouse-Format", "X-ClickHouse-Exception-Code"):
                if answer.getheader(name):
                    self.send_header(name, answer.getheader(name) or "")
            self.send_header("X-ClickHouse-Summary", summary)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            upstream.close()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
