"""One client's connection: reads requests one after the other, frames and writes the answers.

Heads are read by ``edge.wire.head``, strictly, for both fronts alike; where a request goes is
``edge.fronts.reception``'s, what becomes of it the exchange's. Times are enforced by ``front``'s
sweep (``enforce``). The one invariant: a client never sees the end of a body that the
origin did not finish, and no byte of one request is ever read as part of another.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from edge.fronts.direct.client_state import State, reset
from edge.fronts.direct.desk import Desk
from edge.fronts.direct.exchange import Exchange
from edge.fronts.direct.lines import CLOSE, answer_head, last_chunk, own_head
from edge.fronts.direct.own import OwnExchange
from edge.fronts.direct.proxy_protocol import ProxyHeaderError, read_proxy_header
from edge.fronts.reception import Incoming, Own, peer_address
from edge.wire.answer import AnswerHead
from edge.wire.chunks import BrokenChunksError, ChunkReader
from edge.wire.fields import Field, values_of
from edge.wire.forwarded import takes_interim
from edge.wire.framing import CHUNKED, Frame, framed, request_length, response_frame
from edge.wire.head import END, RequestHead, check_partial_head, parse_request_head
from edge.wire.hop import wants_close
from edge.wire.limits import (
    BETWEEN_BYTES_TIMEOUT_S,
    FIRST_BYTE_TIMEOUT_S,
    HEAD_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    LINGER_S,
    MAX_HEAD_BYTES,
)
from edge.wire.refusal import BAD_REQUEST, ErrorPage, Refusal

_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class ClientSide(asyncio.Protocol):
    """A connection; ``on_end`` is called when it is gone."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_closes",
        "_desk",
        "_exchange",
        "_expects",
        "_frame",
        "_head",
        "_is_choked",
        "_is_paused",
        "_left",
        "_on_end",
        "_out",
        "_peer",
        "_since",
        "_state",
        "_takes_interim",
        "_tls",
        "_transport",
    )

    def __init__(self, desk: Desk, on_end: Callable[["ClientSide"], None]) -> None:
        self._desk = desk
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._peer = peer_address(None)
        self._tls = False
        self._state = State.PROXY if desk.proxy_protocol else State.HEAD
        self._since = desk.tick
        self._buffer = b""
        self._exchange: Exchange | OwnExchange | None = None
        self._head: RequestHead | None = None
        self._chunks: ChunkReader | None = None
        self._left = 0
        self._frame = Frame.NONE
        self._closes = self._expects = self._is_paused = self._is_choked = False
        self._takes_interim = True
        self._out: list[bytes] = []

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is under way."""
        return self._state in {State.HEAD, State.PROXY} and not self._buffer

    def enforce(self, now: float) -> None:
        """End what takes too long.

        Units: ``now`` monotonic seconds.
        """
        match self._state:
            case State.HEAD | State.PROXY:
                self._limit(now, HEAD_TIMEOUT_S if self._buffer else IDLE_TIMEOUT_S)
            case State.LINGER:
                self._limit(now, LINGER_S)
            case State.CLOSING:
                self._limit(now, BETWEEN_BYTES_TIMEOUT_S)
            case State.BODY if self._exchange is not None and self._exchange.is_over:
                self._limit(now, IDLE_TIMEOUT_S)
            case _ if self._exchange is not None:
                self._exchange.enforce(FIRST_BYTE_TIMEOUT_S, BETWEEN_BYTES_TIMEOUT_S)

    def _limit(self, now: float, limit_s: float) -> None:
        """End the connection after a time; a client that still takes its answer gets more."""
        transport = self._transport
        if transport is not None and now - self._since > limit_s:
            if transport.get_write_buffer_size():
                limit_s = BETWEEN_BYTES_TIMEOUT_S
            if now - self._since > limit_s:
                transport.abort()

    def close_if_idle(self, since: float) -> None:
        """Close unless something is under way, or has been since; then it is told to close.

        Units: ``since`` monotonic seconds.
        """
        if self.is_idle and self._since <= since:
            self._close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = peer_address(transport.get_extra_info("peername"))
        self._since = self._desk.tick
        if self._state is State.PROXY and self._peer not in self._desk.trusted:
            transport.abort()  # type: ignore[attr-defined]  # only trusted peers may say who.

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the exchange that nobody waits any more."""
        self._transport = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_lost()
        self._on_end(self)

    def data_received(self, data: bytes) -> None:
        """Read what the client sent."""
        state = self._state
        if state is State.HEAD:
            if self._buffer:
                data = self._buffer + data
            else:
                self._since = self._desk.tick
            self._buffer = data
            if self._is_choked and len(data) > MAX_HEAD_BYTES:
                self.pause_upload()
            self._read_next()
        elif state is State.BODY:
            self._read_body(data)
        elif state is State.TUNNEL:
            assert self._exchange
            self._exchange.tunnel_data(data)
        elif state is State.WAIT:
            self._buffer += data
            if len(self._buffer) > MAX_HEAD_BYTES:
                self.pause_upload()
        elif state is State.PROXY:
            self._buffer += data
            self._read_proxy_header()

    def pause_writing(self) -> None:
        """Slow the download down, and begin nothing new."""
        self._is_choked = True
        if self._exchange is not None:
            self._exchange.pause_download()

    def resume_writing(self) -> None:
        """Let the download go on."""
        self._is_choked = False
        if self._exchange is not None:
            self._exchange.resume_download()
        elif self._state is State.HEAD:
            self._read_next()

    def _read_proxy_header(self) -> None:
        try:
            header = read_proxy_header(self._buffer)
        except ProxyHeaderError:
            self.abort()
            return
        if header is None:
            return
        self._peer, self._tls = header.address or self._peer, header.tls
        self._buffer = self._buffer[header.size :]
        self._state = State.HEAD
        if self._buffer:
            self._read_next()

    def _read_next(self) -> None:
        """Read the next request, if it is there."""
        if self._state is State.HEAD and self._buffer and not self._is_choked:
            data = self._buffer
            if data[:2] == b"\r\n":  # Empty lines that some clients send first (RFC 9112 2.2).
                self._buffer = data = data.lstrip(b"\r\n")
            end = data.find(END) + len(END)
            if end < len(END):
                if data and data != b"\r" and (refusal := check_partial_head(data)) is not None:
                    self._refuse(refusal)
                return
            head = parse_request_head(data[:end])
            length = (
                head if isinstance(head, Refusal) else request_length(head.headers, head.version)
            )
            if isinstance(head, Refusal) or isinstance(length, Refusal):
                self._refuse(head if isinstance(head, Refusal) else BAD_REQUEST)
                return
            rest = data[end:]
            self._buffer = rest if length == 0 else b""
            if len(self._buffer) <= MAX_HEAD_BYTES:
                self.resume_upload()
            self._begin(head, length)
            if length != 0 and rest:
                self.data_received(rest)
            return

    def _begin(self, head: RequestHead, length: int | None) -> None:
        self._head = head
        self._takes_interim = takes_interim(head.version, head.headers)
        self._closes = wants_close(head.version, head.headers) or head.version == b"HTTP/1.0"
        self._state = State.WAIT if length == 0 else State.BODY
        if length != 0:
            expected = values_of(head.headers, b"expect")
            self._expects = [value.lower() for value in expected] == [b"100-continue"]
            self._chunks = ChunkReader() if length is CHUNKED else None
            self._left = length or 0
        route = self._desk.reception.receive(
            Incoming(head.method, head.target, head.authority, head.headers, self._peer, self._tls)
        )
        if isinstance(route, Own):
            own = self._exchange = OwnExchange(self._desk, self, head, length, route)
            own.begin()
        else:
            exchange = self._exchange = Exchange(self._desk, self, head, length)
            exchange.begin(route)

    def _read_body(self, data: bytes) -> None:
        exchange, chunks = self._exchange, self._chunks
        assert exchange
        self._since = self._desk.tick
        if chunks is None:
            piece, rest = data[: self._left], data[self._left :]
            self._left -= len(piece)
            done, trailers = not self._left, []
        else:
            try:
                piece = chunks.feed(data)
            except BrokenChunksError:
                exchange.body_broken()
                if self._state is State.BODY:
                    self._linger()  # It is answered; where another begins nobody knows.
                return
            done, rest, trailers = chunks.done, chunks.rest, chunks.trailers
        if piece:
            exchange.request_data(piece)
        if done and self._state is State.BODY:
            self._state = State.WAIT
            self._buffer = rest
            if exchange.is_over:
                self._done()
            else:
                exchange.request_end(trailers)

    def pause_upload(self) -> None:
        """Read no more from the client."""
        if not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def resume_upload(self) -> None:
        """Read on."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def go_on(self) -> None:
        """Tell a client that waits with its body to send it."""
        if self._expects and self._transport is not None and self._takes_interim:
            self._expects = False
            self._transport.write(_GO_ON)

    def send_interim(self, head: AnswerHead) -> None:
        """Send an interim answer, if the client can take one."""
        if self._takes_interim:
            self._out.append(answer_head(head.status, head.reason, head.headers))

    def send_head(
        self, status: int, reason: bytes, fields: list[Field], *, switches: bool = False
    ) -> None:
        """Send the head of the answer; from now on ``send_data``."""
        if switches:
            self._state, self._frame = State.TUNNEL, Frame.CLOSE
            self._out.append(answer_head(status, reason, fields))
            held, self._buffer = self._buffer, b""
            if held and self._exchange is not None:
                self._exchange.tunnel_data(held)
            return
        assert self._head
        frame = response_frame(self._head.method, self._head.version, status, fields)
        self._frame = frame
        self._closes = self._closes or frame is Frame.CLOSE or self._desk.draining
        written = framed(fields, frame)
        if self._closes:
            written.append(CLOSE)
        self._out.append(answer_head(status, reason, written))

    def send_data(self, data: bytes) -> None:
        """Send a piece of the body, framed as the head said, or of the tunnel as it is."""
        if self._frame is Frame.CHUNKED:
            self._out += (b"%x\r\n" % len(data), data, b"\r\n")
        elif self._frame is not Frame.NONE:
            self._out.append(data)

    def send_end(self, trailers: list[Field]) -> None:
        """End the answer, and read the next request."""
        if self._frame is Frame.CHUNKED:
            self._out.append(last_chunk(trailers))
        self.flush()
        self._done()

    def send_own(self, status: int, fields: tuple[Field, ...], body: bytes) -> None:
        """Send the answer of an endpoint, and read the next request."""
        self._closes = self._closes or self._desk.draining
        self._out.append(own_head(status, fields, closes=self._closes) + body)
        self.flush()
        self._done()

    def send_page(self, page: ErrorPage) -> None:
        """Send an answer of ours, and let the client finish talking so that it can read."""
        self._out.append(answer_head(page.status, page.reason, [*page.headers, CLOSE]))
        if self._head is None or self._head.method != b"HEAD":
            self._out.append(page.body)
        self.flush()
        self._linger()

    def flush(self) -> None:
        """Write what was sent, in one piece."""
        out = self._out
        if out:
            if self._transport is not None:
                self._transport.write(out[0] if len(out) == 1 else b"".join(out))
            self._out = []

    def cut(self) -> None:
        """End the connection so that the client cannot take the body for complete."""
        self.flush()
        self._exchange = None
        if self._transport is None:
            return
        if self._frame is Frame.CLOSE or self._is_choked:
            reset(self._transport)
        else:
            self._close()

    def close_tunnel(self) -> None:
        """End the connection after what was sent."""
        self.flush()
        self._close()

    def _done(self) -> None:
        """Go on with the next request, once the rest of this one's body has come."""
        if self._closes:
            self._linger() if self._buffer or self._state is State.BODY else self._close()
            return
        if self._state is State.BODY:
            self.resume_upload()
            return
        self._exchange = None
        self._state = State.HEAD
        self._since = self._desk.tick
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._read_next)

    def _close(self) -> None:
        self._exchange = None
        self._state = State.CLOSING
        self._since = self._desk.tick
        if self._transport is not None:
            self._transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        self._head = self._head if self._state is State.BODY else None
        self.send_page(self._desk.error_page(refusal))

    def _linger(self) -> None:
        self._state = State.LINGER
        self._exchange = None
        self._buffer = b""
        self._since = self._desk.tick
        if self._transport is not None and not self._transport.is_closing():
            self.resume_upload()
            self._transport.write_eof()
