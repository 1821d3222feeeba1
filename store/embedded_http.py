"""The HTTP face of the embedded engine: sockets, chunks, headers, statuses.

Speaks what clickhouse-connect 1.12 needs of ClickHouse's HTTP protocol (CONTRACT 8), one thread a
connection. What a request means is ``embedded_request``'s, what a statement does
``embedded_engine``'s. The invariant: no request, however broken, ends the process, and no answer
says 200 unless the engine took every byte of the body.

A result up to ``BUFFER_BYTES`` is held back until it is complete, so that its errors have their
status and its summary is whole; a longer one is streamed, and an error in its middle is told in
the body under the announced exception tag, as by a server since 25.11.
"""

import json
import logging
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from store.embedded_codings import choose_coding, make_encoder
from store.embedded_engine import Engine, Tally, Work
from store.embedded_errors import ErrorCode, FaceError, read_engine_error
from store.embedded_request import Request, is_allowed, parse_request
from store.embedded_sessions import Session, Sessions
from store.embedded_statement import parse_statement

BUFFER_BYTES = 4 * 1024 * 1024
MAX_BODY_BYTES = 256 * 1024 * 1024
MAX_CONNECTIONS = 128
IDLE_S = 120.0
_CODED_FROM_BYTES = 1_024

logger = logging.getLogger(__name__)


class FaceServer(ThreadingHTTPServer):
    """Listens on loopback and answers for one engine.

    ``drain`` refuses what comes and waits for what runs.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, secret: str, engine: Engine) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.secret = secret
        self.engine = engine
        self.sessions = Sessions(time.monotonic)
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._running = 0
        self._draining = False
        self._changed = threading.Condition()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a connection's thread, or close it at once where there are too many."""
        if self._connections.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - of the base
        """Note a connection that broke; whoever hung up will not read an answer."""
        logger.debug("a store connection broke: %r", sys.exception())

    def begin(self) -> None:
        """Count a request that has started.

        Raises:
            FaceError: The face is closing; a request now would open the engine again.
        """
        with self._changed:
            if self._draining:
                raise FaceError(ErrorCode.ABORTED, "The store is closing")
            self._running += 1

    def end(self) -> None:
        """Count a request that has ended."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Take no more and wait until none runs; False if some still did after ``timeout_s``."""
        with self._changed:
            self._draining = True
            return self._changed.wait_for(lambda: self._running == 0, timeout_s)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ClickHouse"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = IDLE_S
    _query_id = ""

    @property
    def _face(self) -> FaceServer:
        return cast("FaceServer", self.server)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Log nothing: a request line may hold a statement's values."""

    def do_GET(self) -> None:
        """Answer GET."""
        try:
            self._face.begin()
        except FaceError as error:
            self.close_connection = True
            self._fail(error)
            return
        try:
            self._answer()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except FaceError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the rim: a bad request must not end the process
            logger.warning("store request failed: %s", type(error).__name__)
            self._fail(read_engine_error(error))
        finally:
            self._face.end()

    do_POST = do_GET  # noqa: N815 - named by the base class
    do_HEAD = do_GET  # noqa: N815 - named by the base class

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        self._query_id = ""
        body = self._read_body()
        if path in {"/ping", "/"} and self.command == "GET" and not (query or body):
            self._send(HTTPStatus.OK, b"Ok.\n", {})
        elif path != "/":
            self._send(HTTPStatus.NOT_FOUND, b"There is no handle for this path\n", {})
        elif not is_allowed(cast("Any", self.headers), query, self._face.secret):
            message = "default: Authentication failed: password is incorrect"
            raise FaceError(ErrorCode.AUTHENTICATION_FAILED, message)
        else:
            self._answer_statement(query, body)

    def _answer_statement(self, query: str, body: bytes) -> None:
        headers = cast("Any", self.headers)
        request = parse_request(self.command, query, headers, body, max_bytes=MAX_BODY_BYTES)
        self._query_id = request.query_id or secrets.token_hex(16)
        with self._face.sessions.hold(request.session_id) as session:
            self._run(request, session)

    def _run(self, request: Request, session: Session) -> None:
        statement = parse_statement(request.sql)
        data_at = statement.data_at
        work = Work(
            statement=statement,
            data=b"" if data_at is None else request.sql[data_at:],
            params=request.params,
            settings=request.settings,
            database=request.database,
            default_format=request.default_format,
            before=tuple(session.statements),
        )
        started, tally = time.monotonic_ns(), Tally()
        pieces = self._face.engine.run(work, tally)
        try:
            held = _hold(pieces)
            headers = {"X-ClickHouse-Format": work.format} if statement.answers else {}
            coding = choose_coding(request.accept_coding)
            if held.complete:
                headers["X-ClickHouse-Summary"] = _render_summary(tally, started)
                if statement.keeps_in_session:
                    session.remember(statement.head)
                self._send(HTTPStatus.OK, held.data, headers, coding)
            else:
                self._stream(held.data, pieces, headers, coding)
        finally:
            cast("Any", pieces).close()

    def _stream(
        self, first: bytes, pieces: Iterator[bytes], headers: dict[str, str], coding: str
    ) -> None:
        """Send a long result in chunks as it comes."""
        tag = secrets.token_hex(8)
        encoder = make_encoder(coding) if coding else None
        self._send_head(HTTPStatus.OK, headers | {"X-ClickHouse-Exception-Tag": tag}, coding)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        last = b""
        self._send_chunk(encoder.compress(first) if encoder else first)
        try:
            for piece in pieces:
                self._send_chunk(encoder.compress(piece) if encoder else piece)
        except FaceError as error:
            last = _render_late(error.render(self._face.engine.version), tag)
            self.close_connection = True
        self._send_chunk((encoder.compress(last) + encoder.flush()) if encoder else last)
        self.wfile.write(b"0\r\n\r\n")

    def _send_chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n" % len(data))
            self.wfile.write(data)
            self.wfile.write(b"\r\n")

    def _fail(self, error: FaceError) -> None:
        text = error.render(self._face.engine.version).encode(errors="replace")
        headers = {"X-ClickHouse-Exception-Code": str(error.code)}
        self._send(error.status, text, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str], coding: str = "") -> None:
        if coding and len(body) >= _CODED_FROM_BYTES:
            encoder = make_encoder(coding)
            body = encoder.compress(body) + encoder.flush()
        else:
            coding = ""
        self._send_head(status, headers, coding)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_head(self, status: int, headers: dict[str, str], coding: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header(
            "X-ClickHouse-Query-Id", self._query_id.replace("\r", "").replace("\n", "")
        )
        if coding:
            self.send_header("Content-Encoding", coding)
        for name, value in headers.items():
            self.send_header(name, value)

    def _read_body(self) -> bytes:
        """Read the whole body, so that a cut one changes nothing."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY_BYTES:
            self._refuse_length()
        body = self.rfile.read(length)
        if len(body) != length:
            raise ConnectionAbortedError("the body was cut")
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                length = int(self.rfile.readline(1_024).partition(b";")[0], 16)
            except ValueError:
                length = -1
            if length < 0 or len(body) + length > MAX_BODY_BYTES:
                self._refuse_length()
            chunk = self.rfile.read(length + 2) if length else b"\r\n"
            if len(chunk) != length + 2 or chunk[-2:] != b"\r\n":
                raise ConnectionAbortedError("the body was cut")
            body += memoryview(chunk)[:length]
            if not length:
                break
        while self.rfile.readline(8_192).strip():
            continue
        return bytes(body)

    def _refuse_length(self) -> None:
        self.close_connection = True
        message = f"The body has no valid length up to {MAX_BODY_BYTES} bytes"
        raise FaceError(ErrorCode.QUERY_IS_TOO_LARGE, message)


class _Held:
    """The beginning of an answer, and whether it is all of it."""

    __slots__ = ("complete", "data")

    def __init__(self, data: bytes, *, complete: bool) -> None:
        self.data = data
        self.complete = complete


def _hold(pieces: Iterator[bytes]) -> _Held:
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > BUFFER_BYTES:
            return _Held(b"".join(parts), complete=False)
    return _Held(b"".join(parts), complete=True)


def _render_summary(tally: Tally, started_ns: int) -> str:
    return json.dumps(
        {
            "read_rows": str(tally.read_rows),
            "read_bytes": str(tally.read_bytes),
            "written_rows": str(tally.written_rows),
            "written_bytes": str(tally.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(tally.result_rows),
            "result_bytes": str(tally.result_bytes),
            "elapsed_ns": str(time.monotonic_ns() - started_ns),
        }
    )


def _render_late(text: str, tag: str) -> bytes:
    """Render an error for the middle of a body: text, its length and the tag at the very end."""
    body = text.rstrip("\n").encode(errors="replace") + b"\n"
    mark = tag.encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
        mark,
        body,
        len(body),
        mark,
    )
