import gzip
import json
import socket
import subprocess
import sys
import threading
import time
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import lz4.frame
import psutil
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client

from store.client import Store, StoreError, StoreUnavailable
from tests.support.store_process import SECRET, StoreProcess, running_store

ROOT = Path(__file__).parents[2]
BASIC = {"Authorization": "Basic " + b64encode(f"me:{SECRET}".encode()).decode()}


@contextmanager
def asked(
    port: int,
    body: bytes = b"",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **fields: str,
) -> Iterator[HTTPResponse]:
    """One raw request, for what the ordinary client would not send."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        every = BASIC if headers is None else headers
        connection.request(method, "/?" + urlencode(fields), body, every)
        yield connection.getresponse()
    finally:
        connection.close()


def ask(port: int, sql: str, **fields: str) -> str:
    with asked(port, sql.encode(), "POST", None, **fields) as answer:
        return answer.read().decode().strip()


@pytest.fixture(scope="module")
def numbers(store: Store) -> str:
    """A table of one column, and a second one that is as long as the number has digits."""
    store.command(
        "create table numbers (n UInt64, text String) engine = MergeTree order by n"
        " settings non_replicated_deduplication_window = 1000"
    )
    return "numbers"


@contextmanager
def ordinary_client(port: int, **options: Any) -> Iterator[Client]:
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=port,
        username="me",
        password=SECRET,
        database="statflow",
        **options,
    )
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip"])
def test_the_ordinary_client_loses_no_row_in_any_coding(
    store: Store, store_process: StoreProcess, compress: bool | str
) -> None:
    table = f"coded_{str(compress).lower()}"
    store.command(f"create table {table} (n UInt64, text String) engine = MergeTree order by n")
    rows = [[number, f"some longer text {number}"] for number in range(150_000)]
    with ordinary_client(store_process.port, compress=compress) as client:
        summary = client.insert(table, rows, column_names=["n", "text"])
        assert summary.written_rows == len(rows)
        back = client.query(f"select n, text from {table} order by n")
    assert [list(row) for row in back.result_rows] == rows


def frames(coding: str, blocks: list[bytes]) -> bytes:
    encode = {
        "lz4": lz4.frame.compress,
        "zstd": zstd.compress,
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "identity": bytes,
    }[coding]
    return b"".join(encode(block) for block in blocks)


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip", "deflate", "identity"])
def test_several_frames_in_one_body_are_all_stored(
    store_process: StoreProcess, numbers: str, coding: str
) -> None:
    text = f"frames {coding}"
    lines = [b'%d,"%s"\n' % (number, text.encode()) for number in range(140_000)]
    blocks = [b"insert into numbers format CSV\n", *(b"".join(lines[at::3]) for at in range(3))]
    headers = BASIC | {"Content-Encoding": coding}
    body = frames(coding, blocks)
    with asked(store_process.port, body, headers=headers, database="statflow") as answer:
        assert answer.status == 200
        summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert summary["written_rows"] == "140000"
    assert ask(store_process.port, f"select uniqExact(n) from numbers where text = '{text}'") == (
        "140000"
    )


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip", "deflate"])
def test_a_body_with_a_cut_frame_stores_nothing(
    store_process: StoreProcess, numbers: str, coding: str
) -> None:
    blocks = [b"insert into numbers format CSV\n1,cut\n", b"2,cut\n" * 1_000]
    body = frames(coding, blocks)[:-9]
    headers = BASIC | {"Content-Encoding": coding}
    with asked(store_process.port, body, headers=headers, database="statflow") as answer:
        assert answer.status == 400
    assert ask(store_process.port, "select count() from numbers where text = 'cut'") == "0"


def test_statement_in_the_url_and_data_in_the_body(store_process: StoreProcess) -> None:
    port = store_process.port
    ask(port, "create table by_url (n UInt64) engine = MergeTree order by n")
    with asked(port, b'{"n": 1}\n{"n": 2}\n', query="insert into by_url format JSONEachRow") as a:
        assert a.status == 200
    ask(port, "insert into by_url values (3), (4)")
    ask(port, "insert into by_url select 5")
    assert ask(port, "select sum(n), count() from by_url format CSV") == "15,5"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-ClickHouse-User": "me", "X-ClickHouse-Key": "wrong"},
        {"Authorization": "Basic " + b64encode(b"me:wrong").decode()},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer " + SECRET},
    ],
)
def test_nobody_passes_without_the_secret(
    store_process: StoreProcess, headers: dict[str, str]
) -> None:
    with asked(store_process.port, b"select 1", headers=headers) as answer:
        assert answer.status == 403
        assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
        assert answer.read().startswith(b"Code: 516. DB::Exception: ")


def test_the_secret_may_come_in_a_header_or_the_url(store_process: StoreProcess) -> None:
    port = store_process.port
    with asked(port, b"select 1", headers={"X-ClickHouse-Key": SECRET}) as answer:
        assert answer.read() == b"1\n"
    with asked(port, b"select 1", headers={}, user="me", password=SECRET) as answer:
        assert answer.read() == b"1\n"


def test_ping_needs_no_secret(store_process: StoreProcess) -> None:
    connection = HTTPConnection("127.0.0.1", store_process.port, timeout=10)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"Ok.\n"
    connection.close()


def test_errors_have_code_status_and_text_of_a_server(store_process: StoreProcess) -> None:
    for sql, code, status in [
        ("select * from nowhere", "60", 404),
        ("select from where", "62", 400),
        ("", "62", 400),
        ("select {x:UInt8}", "456", 400),
        ("select 1 settings nothing_of_the_kind = 1", "115", 404),
        ("insert into nowhere format Native\n\x01", "60", 404),
        ("select 1; drop table numbers", "62", 400),
        ("select 1 into outfile '/tmp/out'", "48", 501),
        ("insert into numbers from infile '/etc/hosts' format CSV", "48", 501),
    ]:
        with asked(store_process.port, sql.encode(), database="statflow") as answer:
            assert (answer.headers["X-ClickHouse-Exception-Code"], answer.status) == (code, status)
            assert answer.read().startswith(f"Code: {code}. DB::Exception".encode())


def test_the_summary_counts_rows(store_process: StoreProcess) -> None:
    port = store_process.port
    ask(
        port,
        "create table counted engine = MergeTree order by n as select number as n from numbers(5)",
    )
    with asked(port, b"select sum(n) from counted") as answer:
        summary = json.loads(answer.headers["X-ClickHouse-Summary"])
        assert (summary["read_rows"], summary["result_rows"]) == ("5", "1")
    with asked(port, b"insert into counted select n from counted") as answer:
        assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "5"


def test_the_query_id_comes_back(store_process: StoreProcess) -> None:
    with asked(store_process.port, b"select 1", query_id="batch-7") as answer:
        assert answer.headers["X-ClickHouse-Query-Id"] == "batch-7"
    with asked(store_process.port, b"select 1") as answer:
        assert len(answer.headers["X-ClickHouse-Query-Id"]) == 32


def test_parameters_in_the_url_are_bound(store_process: StoreProcess) -> None:
    sql = "select {day:Date} + 1, {name:String}"
    answer = ask(store_process.port, sql, param_day="2026-01-31", param_name="a'b\\\\c")
    assert answer == "2026-02-01\ta\\'b\\\\c"


SETTING = "select getSetting('max_block_size')"


def test_a_setting_of_one_call_is_gone_at_the_next(store_process: StoreProcess) -> None:
    port = store_process.port
    default = ask(port, SETTING)
    assert ask(port, SETTING, max_block_size="77") == "77"
    assert ask(port, "set max_block_size = 78") == ""
    assert ask(port, SETTING, max_block_size="79", session_id="one") == "79"
    assert ask(port, SETTING, session_id="one") == default
    assert ask(port, SETTING) == default


def test_set_holds_in_its_session_only(store_process: StoreProcess) -> None:
    port = store_process.port
    default = ask(port, SETTING)
    ask(port, "set max_block_size = 81", session_id="a")
    ask(port, "use system", session_id="a")
    assert ask(port, SETTING, session_id="a") == "81"
    assert ask(port, "select currentDatabase()", session_id="a") == "system"
    assert ask(port, SETTING, session_id="b") == default
    assert ask(port, SETTING) == default
    assert ask(port, "set nothing_of_the_kind = 1", session_id="a").startswith("Code: 115")
    assert ask(port, SETTING, session_id="a") == "81"


@contextmanager
def slow_queries(
    port: int, number: int, seconds: int = 2, **fields: str
) -> Iterator[list[threading.Thread]]:
    """Queries that sleep in the engine; their number has begun when the block starts."""
    sql = f"select sleepEachRow(1) from numbers({seconds}) settings max_block_size = 1"
    threads = [
        threading.Thread(target=ask, args=(port, f"/* slow */ {sql}"), kwargs=fields)
        for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    running = "select count() from system.processes where startsWith(query, '/* slow */')"
    while int(ask(port, running)) < number:
        time.sleep(0.02)
    yield threads
    for thread in threads:
        thread.join()


def test_a_session_serves_one_request_at_a_time(store_process: StoreProcess) -> None:
    port = store_process.port
    with slow_queries(port, 1, session_id="busy") as (slow,):
        assert ask(port, "select 1", session_id="busy").startswith("Code: 373")
        assert slow.is_alive()


def test_slow_reports_hold_up_neither_inserts_nor_others(
    store_process: StoreProcess, numbers: str
) -> None:
    port = store_process.port
    with slow_queries(port, 7) as threads:
        ask(port, "insert into numbers format CSV\n1,while busy\n", database="statflow")
        assert ask(port, "select count() from numbers where text = 'while busy'") == "1"
        assert all(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("level", ["1", "2"])
def test_read_only_requests_change_nothing(
    store_process: StoreProcess, numbers: str, level: str
) -> None:
    port = store_process.port
    for sql in (
        "insert into numbers values (1, 'readonly')",
        "insert into numbers format CSV\n1,readonly\n",
        "insert into numbers select 1, 'readonly'",
        "create table made (n UInt8) engine = Memory",
        "drop table numbers",
        "alter table numbers delete where 1",
        "truncate table numbers",
        "system stop merges",
        "kill query where 1",
        "set readonly = 0",
        "select 1 settings readonly = 0",
    ):
        assert ask(port, sql, readonly=level).startswith("Code: 164"), sql
    assert ask(port, "select count() from numbers where text = 'readonly'", readonly=level) == "0"


def test_get_reads_only(store_process: StoreProcess, numbers: str) -> None:
    port = store_process.port
    with asked(port, method="GET", query="select 1") as answer:
        assert answer.read() == b"1\n"
    with asked(port, method="GET", query="truncate table numbers") as answer:
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_limits_of_time_and_memory_are_kept(store_process: StoreProcess) -> None:
    port = store_process.port
    slow = "select count() from numbers(100000000000) where sipHash64(number) = 1"
    assert ask(port, slow, max_execution_time="0.2").startswith("Code: 159")
    large = "select length(groupArray(repeat('x', 100000))) from numbers(400000000)"
    assert ask(port, large).startswith("Code: 241")


def test_a_large_result_passes_in_bounded_memory(store_process: StoreProcess) -> None:
    process = psutil.Process(store_process.process.pid)
    ask(store_process.port, "select 1")
    before = process.memory_info().rss
    received = 0
    sql = b"select number, number + 1, number + 2 from numbers(12000000) format RowBinary"
    with asked(store_process.port, sql) as answer:
        while block := answer.read(1 << 20):
            received += len(block)
    assert received == 12_000_000 * 24
    assert process.memory_info().rss - before < received / 2


def test_a_large_result_is_streamed_to_the_ordinary_client(store_process: StoreProcess) -> None:
    with ordinary_client(store_process.port) as client:
        sql = "select number, toString(number) from numbers(2000000)"
        with client.query_row_block_stream(sql) as blocks:
            assert sum(len(block) for block in blocks) == 2_000_000


def test_a_result_that_must_be_built_whole_has_a_limit(store_process: StoreProcess) -> None:
    answer = ask(store_process.port, "select number from numbers(3000000) format JSON")
    assert answer.startswith("Code: 396")
    assert ask(store_process.port, "select 1 as one format JSONCompact").startswith("{")


def test_a_client_that_hangs_up_in_a_stream_frees_its_place(store_process: StoreProcess) -> None:
    for _ in range(10):
        with asked(store_process.port, b"select number from numbers(1000000000)") as answer:
            answer.read(10)
    assert ask(store_process.port, "select 1") == "1"


def test_no_garbage_ends_the_process(store_process: StoreProcess, numbers: str) -> None:
    random = Random(7)
    head = b"POST /?database=statflow HTTP/1.1\r\nHost: x\r\n"
    head += f"Authorization: {BASIC['Authorization']}\r\n".encode()
    insert = b"insert into numbers format Native\n"
    for data in (
        b"\x00" * 100,
        random.randbytes(5_000),
        b"GET\r\n\r\n",
        head + b"Content-Length: many\r\n\r\n",
        head + b"Content-Length: -1\r\n\r\n",
        head + b"Content-Length: 99999999999\r\n\r\n",
        head + b"Content-Length: 500\r\n\r\nselect 1",
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nsele",
        head + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        head + b"Content-Encoding: zstd\r\nContent-Length: 3\r\n\r\nabc",
        head + b"Content-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
        head + b"Content-Length: 34\r\n\r\n" + insert,
        *(
            head + b"Content-Length: 1034\r\n\r\n" + insert + random.randbytes(1_000)
            for _ in range(20)
        ),
    ):
        with socket.create_connection(("127.0.0.1", store_process.port), timeout=10) as raw:
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while block := raw.recv(65_536):
                    assert b"200 OK" not in block
    assert ask(store_process.port, "select 1") == "1"
    assert store_process.process.poll() is None


def test_an_insert_that_breaks_in_its_last_block_stores_nothing(
    store_process: StoreProcess, numbers: str
) -> None:
    with ordinary_client(store_process.port, compress=False) as client:
        good = client.raw_query(
            "select number as n, 'broken tail' as text from numbers(100000)", fmt="Native"
        )
        for tail in (b"INTERNAL EXCEPTION WHILE SERIALIZING", good[: len(good) // 3]):
            body = b"insert into numbers format Native\n" + good + tail
            with asked(store_process.port, body, database="statflow") as answer:
                assert answer.status >= 400
    left = ask(store_process.port, "select count() from numbers where text = 'broken tail'")
    assert left == "0"


PROGRAM = "import sys; from pathlib import Path; from store.embedded import serve; "


def test_a_second_process_is_told_who_has_the_folder(store_process: StoreProcess) -> None:
    program = f"{PROGRAM} serve(Path(sys.argv[1]), port=0, secret='x')"
    second = subprocess.run(
        [sys.executable, "-c", program, str(store_process.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert second.returncode == 1
    assert f"is already open in process {store_process.process.pid}." in second.stderr
    assert ask(store_process.port, "select 1") == "1"


def test_killed_in_the_middle_of_inserts_it_opens_again_and_tokens_still_hold(
    tmp_path: Path,
) -> None:
    rows = 20_000
    sure: list[int] = []

    def insert_on(store: Store) -> None:
        with suppress(StoreUnavailable):
            for batch in range(10_000):
                store.insert("t", {"n": list(range(rows)), "b": [batch] * rows}, token=f"b{batch}")
                sure.append(batch)

    with running_store(tmp_path) as process:
        store = Store(process.url)
        store.command(
            "create table t (n UInt64, b UInt32) engine = MergeTree order by n partition by n % 2"
            " settings non_replicated_deduplication_window = 1000"
        )
        writer = threading.Thread(target=insert_on, args=(store,))
        writer.start()
        while len(sure) < 8:
            time.sleep(0.01)
        process.kill()
        writer.join()
    with running_store(tmp_path) as process:
        store = Store(process.url)
        for batch in [*sure, len(sure)]:
            store.insert("t", {"n": list(range(rows)), "b": [batch] * rows}, token=f"b{batch}")
        found = store.query("select b, count(), uniqExact(n) from t group by b order by b")
        assert found == [(batch, rows, rows) for batch in range(len(sure) + 1)]
        assert process.stop() == 0


@contextmanager
def held_source() -> Iterator[tuple[int, threading.Event, threading.Event]]:
    """Serve a number to whoever asks, but not before it is let go: port, asked, let go."""
    asked, let_go = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            let_go.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"7\n")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield server.server_port, asked, let_go
        finally:
            let_go.set()
            server.shutdown()


def is_served(connection: HTTPConnection) -> bool:
    """Whether the store takes another request on a connection that is open."""
    connection.request("GET", "/ping")
    answer = connection.getresponse()
    return answer.status == 200 and answer.read() == b"Ok.\n"


def test_sigterm_lets_running_requests_end(tmp_path: Path) -> None:
    """The statement runs for certain when the signal comes: it waits for rows from elsewhere."""
    answers: list[str] = []
    with running_store(tmp_path) as process, held_source() as (source, asked, let_go):
        waits = f"select n from url('http://127.0.0.1:{source}/', CSV, 'n UInt8')"
        slow = threading.Thread(target=lambda: answers.append(ask(process.port, waits)))
        slow.start()
        assert asked.wait(60)
        kept = HTTPConnection("127.0.0.1", process.port, timeout=30)
        assert is_served(kept)
        process.process.terminate()
        while is_served(kept):
            time.sleep(0.01)
        let_go.set()
        assert process.stop() == 0
        slow.join()
    assert answers == ["7"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["engine", "engine.xml", "lock"]


def test_sigterm_stops_what_does_not_end(tmp_path: Path) -> None:
    program = (
        "import store.embedded; store.embedded.DRAIN_S = 0.2; store.embedded.serve("
        "Path(sys.argv[1]), port=0, secret=sys.argv[2], ready=lambda port: print(port, flush=True))"
    )
    answers: list[str] = []
    command = [sys.executable, "-c", PROGRAM + program, str(tmp_path), SECRET]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        endless = "select count() from numbers(1000000000000) where sipHash64(number) = 1 /* end */"
        slow = threading.Thread(target=lambda: answers.append(ask(port, endless)))
        slow.start()
        while (
            int(ask(port, "select count() from system.processes where query like '%/* end */'")) < 1
        ):
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=30) == 0
    slow.join()
    assert answers[0].startswith("Code: 394")


def test_a_taken_port_is_an_error(store_process: StoreProcess, tmp_path: Path) -> None:
    program = f"{PROGRAM} serve(Path(sys.argv[1]), port=int(sys.argv[2]), secret='x')"
    second = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(store_process.port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert second.returncode == 1
    assert "Address already in use" in second.stderr


def test_backup_goes_to_the_folder(store: Store, store_process: StoreProcess) -> None:
    target = store_process.folder / "backups" / "one"
    store.command(f"backup table batches to File('{target}')")
    assert (target / ".backup").exists()
    with pytest.raises(StoreError, match="not allowed"):
        store.command(f"backup table batches to File('{target.parents[2]}/elsewhere')")


@pytest.mark.parametrize("clause", ["", "settings max_insert_threads = 1 "])
def test_what_fails_behind_the_parser_is_an_error_and_stores_nothing(
    store_process: StoreProcess, store: Store, clause: str
) -> None:
    """The engine's own streaming inserter would answer with the count and store nothing."""
    store.command("create table if not exists c (n UInt32, constraint c check n != 5)"
                  " engine = MergeTree partition by n order by n")  # fmt: skip
    insert = f"insert into c {clause}format CSV\n"
    assert "VIOLATED_CONSTRAINT" in ask(store_process.port, f"{insert}4\n5\n", database="statflow")
    many = "\n".join(str(n) for n in range(10, 400))
    assert "TOO_MANY_PARTS" in ask(store_process.port, f"{insert}{many}\n", database="statflow")
    assert store.query("select count() from c") == [(0,)]
    assert ask(store_process.port, f"{insert}4\n6\n", database="statflow") == ""
    assert store.query("select count() from c") == [(2,)]
    store.command("truncate table c")
