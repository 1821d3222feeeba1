"""Take datagrams off a UDP socket and bring each to the connection it is for.

A connection is known by the id it gave its client and by that client's address; who moves must
connect anew. While many handshakes are unfinished, a new client must first show that it reads what
is sent to its address (RETRY); until then, and always until a handshake ends, aioquic sends at most
three times what it received. The one invariant: nothing is kept for a datagram that does not begin
a connection with a full-sized INITIAL packet.

Source: RFC 9000 sections 8 and 14.
"""

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast, override

from aioquic._buffer import Buffer
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE
from aioquic.quic.packet import (
    QuicHeader,
    QuicPacketType,
    QuicProtocolVersion,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.fronts.mitm_certificates import Certificates
from edge.fronts.mitm_quic import EdgeQuicConnection

type Peer = tuple[Any, ...]

VERSIONS = [QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2]
RETRY_ABOVE = 32
"""Unfinished handshakes beyond which an address must be shown to be the client's own."""
UNFINISHED = 1_024
"""Unfinished handshakes beyond which nobody new is heard."""
TOKEN_S = 20.0

_CID_BYTES = 8
_LONG_HEADER = 0x80
_QUEUE = 256
"""Datagrams that may wait for one connection; QUIC sends again what is dropped."""
_TURN = 16
"""Datagrams of one connection before others have their turn."""
_RECEIVE_BUFFER_BYTES = 4 * 2**20
_NONCE_BYTES = 12


class RetryTokens:
    """Tokens that only the reader of an address can bring back, for a short time.

    aioquic's own are decrypted with RSA, a millisecond for anybody who sends nonsense, and never
    expire.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def write(self, peer: Peer, original_cid: bytes, retry_cid: bytes, now: float) -> bytes:
        """Write a token for a client at ``peer``."""
        nonce = os.urandom(_NONCE_BYTES)
        content = struct.pack("!dB", now, len(retry_cid)) + retry_cid + original_cid
        return nonce + self._cipher.encrypt(nonce, content, _bound(peer))

    def read(self, token: bytes, peer: Peer, now: float) -> tuple[bytes, bytes] | None:
        """Read the original and the retry id; None for a token that is not good here and now."""
        nonce, sealed = token[:_NONCE_BYTES], token[_NONCE_BYTES:]
        try:
            content = self._cipher.decrypt(nonce, sealed, _bound(peer))
        except (InvalidTag, ValueError):
            return None
        written_at, length = struct.unpack_from("!dB", content)
        if not 0 <= now - written_at <= TOKEN_S:
            return None
        cids = content[struct.calcsize("!dB") :]
        return cids[length:], cids[:length]


class DatagramPipe:
    """Both ends of one client's datagrams, in the form the handler reads and writes."""

    def __init__(self, send: Callable[[bytes, Peer], None], peer: Peer, sockname: Peer) -> None:
        self.peer = peer
        self._send = send
        self._sockname = sockname
        self._waiting: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._turns = 0

    def feed(self, data: bytes) -> None:
        """Take a datagram in, or drop it."""
        if len(self._waiting) < _QUEUE:
            self._waiting.append(data)
            self._arrived.set()

    async def read(self, _n: int, /) -> bytes:
        """Read one datagram; empty is the end."""
        self._turns += 1
        if self._turns % _TURN == 0:
            await asyncio.sleep(0)
        while not self._waiting and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft() if self._waiting else b""

    def write(self, data: bytes, /) -> None:
        """Send a datagram."""
        self._send(data, self.peer)

    async def drain(self) -> None:
        """Do nothing: QUIC keeps the pace."""

    def write_eof(self) -> None:
        """Do nothing: a datagram has no half of a connection to close."""

    def close(self) -> None:
        """End reading."""
        self._closed = True
        self._arrived.set()

    def is_closing(self) -> bool:
        """Tell whether this end was closed."""
        return self._closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell the addresses and that this is UDP."""
        known = {"transport_protocol": "udp", "peername": self.peer, "sockname": self._sockname}
        return known.get(name, default)


type Serve = Callable[[DatagramPipe, EdgeQuicConnection, Callable[[], None]], Awaitable[None]]


class QuicListener(asyncio.DatagramProtocol):
    """One UDP socket.

    Args:
        certificates: What clients are shown, by name.
        serve: Serves a connection until it ends; calls back when its handshake is done.
        accepts: Tells whether new clients are heard.
    """

    def __init__(
        self, certificates: Certificates, serve: Serve, accepts: Callable[[], bool]
    ) -> None:
        self._certificates = certificates
        self._serve = serve
        self._accepts = accepts
        self._tokens = RetryTokens(AESGCM.generate_key(128))
        self._pipes: dict[bytes, DatagramPipe] = {}
        self._unfinished: set[DatagramPipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_full = False
        self.retry_above = RETRY_ABOVE

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own does not inherit from asyncio's.
        self._transport = cast("asyncio.DatagramTransport", transport)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)

    @override
    def datagram_received(self, data: bytes, addr: Peer) -> None:
        pipe = self._pipes.get(_destination(data))
        if pipe is None:
            self._begin(data, addr)
        elif pipe.peer == addr:
            pipe.feed(data)

    @override
    def pause_writing(self) -> None:
        self._is_full = True

    @override
    def resume_writing(self) -> None:
        self._is_full = False

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()

    def _send(self, data: bytes, peer: Peer) -> None:
        """Send a datagram, or drop it where the network takes none; QUIC will send it again."""
        if not self._is_full and not self._transport.is_closing():
            self._transport.sendto(data, peer)

    def _begin(self, data: bytes, peer: Peer) -> None:
        if len(data) < SMALLEST_MAX_DATAGRAM_SIZE or not self._accepts():
            return
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=_CID_BYTES)
        except ValueError:
            return
        if header.version is not None and header.version not in VERSIONS:
            self._negotiate(header, peer)
        elif header.packet_type == QuicPacketType.INITIAL:
            self._admit(header, data, peer)

    def _negotiate(self, header: QuicHeader, peer: Peer) -> None:
        answer = encode_quic_version_negotiation(
            source_cid=header.destination_cid,
            destination_cid=header.source_cid,
            supported_versions=[int(version) for version in VERSIONS],
        )
        self._send(answer, peer)

    def _admit(self, header: QuicHeader, data: bytes, peer: Peer) -> None:
        if len(self._unfinished) >= UNFINISHED:
            return
        shown = self._tokens.read(header.token, peer, time.monotonic()) if header.token else None
        if shown is None and len(self._unfinished) >= self.retry_above:
            self._ask_again(header, peer)
            return
        original_cid, retry_cid = shown or (header.destination_cid, None)
        if retry_cid is not None and retry_cid != header.destination_cid:
            return
        quic = EdgeQuicConnection(
            self._certificates, original_cid=original_cid, retry_cid=retry_cid
        )
        pipe = DatagramPipe(self._send, peer, self._transport.get_extra_info("sockname"))
        pipe.feed(data)
        task = asyncio.create_task(self._run(pipe, quic, header.destination_cid))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._unfinished.add(pipe)
        self._pipes[header.destination_cid] = self._pipes[quic.host_cid] = pipe

    def _ask_again(self, header: QuicHeader, peer: Peer) -> None:
        assert header.version is not None
        retry_cid = os.urandom(_CID_BYTES)
        token = self._tokens.write(peer, header.destination_cid, retry_cid, time.monotonic())
        answer = encode_quic_retry(
            version=header.version,
            source_cid=retry_cid,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=token,
        )
        self._send(answer, peer)

    async def _run(self, pipe: DatagramPipe, quic: EdgeQuicConnection, first_cid: bytes) -> None:
        try:
            await self._serve(pipe, quic, lambda: self._unfinished.discard(pipe))
        finally:
            self._unfinished.discard(pipe)
            for cid in (first_cid, quic.host_cid):
                self._pipes.pop(cid, None)


async def listen_quic(
    make: Callable[[], QuicListener], host: str, port: int, *, reuse_port: bool
) -> tuple[QuicListener, int]:
    """Open the socket; returns the listener and the bound port.

    Raises:
        OSError: The address is taken or not ours to use.
    """
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_datagram_endpoint(
        make, local_addr=(host, port), reuse_port=reuse_port or None
    )
    bound: int = transport.get_extra_info("sockname")[1]
    return listener, bound


def _destination(data: bytes) -> bytes:
    """Read whom a datagram is for, without parsing the rest."""
    if not data:
        return b""
    if not data[0] & _LONG_HEADER:
        return data[1 : 1 + _CID_BYTES]
    with contextlib.suppress(IndexError):
        return data[6 : 6 + data[5]]
    return b""


def _bound(peer: Peer) -> bytes:
    """Write what a token is bound to."""
    return f"{peer[0]} {peer[1]}".encode()
