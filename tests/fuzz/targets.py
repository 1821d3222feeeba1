"""What strangers may send, as functions of bytes that fail where a promise is broken.

``fuzz.py`` looks for bytes that break one, guided by coverage; ``test_corpus.py`` replays what was
found or collected. A target is pure and quick. The one invariant: it takes any bytes at all.
"""

import zlib
from collections.abc import Callable
from datetime import date
from ipaddress import ip_address

import orjson

from edge.collector.payload import Payload, PayloadError, parse_payload
from edge.event import Event, Sender, decode_event, encode_event
from edge.inject.codings import open_codec
from edge.inject.csp import Sources, apply_csp
from edge.inject.prelude import Expectations, PreludeScanner
from edge.inject.rewriter import BodyBrokenError, CodedRewriter, PlainRewriter
from edge.inject.tag import own_tag_pattern
from edge.outcomes import DropReason
from edge.pipeline.agents import Agents
from edge.pipeline.days import days_since_epoch
from edge.pipeline.draft import Context
from edge.pipeline.geo import Geo
from edge.pipeline.steps import process
from edge.sites import CspMode, Snapshot, SnapshotError, parse_snapshot
from edge.wire.chunks import BrokenChunksError, ChunkReader
from edge.wire.framing import request_length
from edge.wire.head import RequestHead, parse_request_head
from edge.wire.refusal import Refusal
from tests.support.factories import a_site

TAG = b'<script async="async" src="/sf/0123456789.js"></script>'
NOON_MS = 1_767_268_800_000
DAY = days_since_epoch(date(2026, 1, 1))
SITE = a_site(kept_params=["q"], hash_routes=True)
AGENTS, NOWHERE = Agents(), Geo()
SOMEBODY = ip_address("192.0.2.1")


def check_beacon(data: bytes) -> None:
    """Take a beacon: a value comes out, and what is kept survives its serial form."""
    payload = parse_payload(data)
    if isinstance(payload, PayloadError):
        assert payload.fault.message
        return
    assert isinstance(payload, Payload)
    context = Context(NOON_MS, {}, {DAY: bytes(32), DAY - 1: bytes(32)}, NOWHERE, AGENTS)
    sender = Sender(SITE, SOMEBODY, data[-200:], {}, NOON_MS)
    for beacon in payload.beacons:
        outcome = process(beacon, sender, context)
        assert outcome is not DropReason.STEP_FAILED
        if isinstance(outcome, Event):
            assert decode_event(encode_event(outcome)) == outcome


def check_head(data: bytes) -> None:
    """Read a request's head: one that passes has no second reading."""
    head = parse_request_head(data + b"\r\n\r\n")
    if isinstance(head, Refusal):
        return
    assert isinstance(head, RequestHead)
    for name, value in head.headers:
        assert name
        assert not {0, 10, 13} & {*name, *value}
        assert name == name.strip()
    length = request_length(head.headers, head.version)
    again = parse_request_head(_written(head))
    assert isinstance(again, RequestHead)
    assert list(again.headers) == list(head.headers)
    assert request_length(again.headers, again.version) == length


def _written(head: RequestHead) -> bytes:
    lines = b"".join(b"%s: %s\r\n" % field for field in head.headers)
    return b"%s %s %s\r\n%s\r\n" % (head.method, head.target, head.version, lines)


def check_chunks(data: bytes) -> None:
    """Read a chunked body whole and byte by byte: it ends alike, with the same content."""
    assert _read_chunks([data]) == _read_chunks([bytes([byte]) for byte in data])


def _read_chunks(pieces: list[bytes]) -> tuple[bytes, bool, bytes] | None:
    reader, body, rest = ChunkReader(), b"", b""
    for piece in pieces:
        if reader.done:
            rest += piece
            continue
        try:
            body += reader.feed(piece)
        except BrokenChunksError:
            return None
    return body, reader.done, reader.rest + rest if reader.done else b""


def check_page(data: bytes) -> None:
    """Put the tag into a page, whole and in two pieces: nothing else changes, at any cut."""
    cut = data[0] if data else 0
    outs = set()
    for pieces in ([data], [data[:cut], data[cut:]]):
        rewriter = PlainRewriter(a_scanner(), TAG)
        out = b"".join(rewriter.feed(piece) for piece in pieces if piece) + rewriter.finish()
        if rewriter.outcome is None:
            assert out.replace(TAG, b"", 1) == data.replace(TAG, b"", 1)
            assert len(out) == len(data) + len(TAG)
        else:
            assert out == data
        outs.add(out)
    assert len(outs) == 1


def check_packed_page(data: bytes) -> None:
    """Put the tag into what claims to be packed: bytes that are not come out as they came."""
    for coding in (b"gzip", b"br", b"zstd", b"deflate"):
        rewriter = CodedRewriter(a_scanner(), TAG, open_codec(coding))
        out = b""
        try:
            for at in range(0, len(data), 97):
                out += rewriter.feed(data[at : at + 97])
            out += rewriter.finish()
        except BodyBrokenError:
            continue
        if rewriter.outcome is not None:
            assert out == data


def check_packed_tail(data: bytes) -> None:
    """Cut and corrupt a packed page anywhere: what a client can unpack is a start of the page."""
    page = b"<!doctype html><html><head><title>t</title></head><body>" + b"<p>words</p>" * 60
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = bytearray(packer.compress(page) + packer.flush())
    for at, byte in zip(data[::2], data[1::2], strict=False):
        packed[at % len(packed)] ^= byte
    rewriter = CodedRewriter(a_scanner(), TAG, open_codec(b"gzip"))
    try:
        out = rewriter.feed(bytes(packed)) + rewriter.finish()
    except BodyBrokenError:
        return
    if rewriter.outcome is not None:
        assert out == bytes(packed)


def a_scanner() -> PreludeScanner:
    """Make a scanner for an HTML page that says nothing of itself."""
    return PreludeScanner(
        Expectations(
            tag_bytes=len(TAG),
            own_tag=own_tag_pattern("/sf/0123456789.js", ()),
            needs_evidence=False,
            is_xml=False,
            charset_named=True,
        )
    )


def check_policy(data: bytes) -> None:
    """Amend a policy: every directive of the site's is still there, and only ours are new."""
    sources = Sources(
        b"https://shop.example",
        (b"https://shop.example/sf/0123456789.js", b"https://shop.example/sf/m/"),
        b"https://shop.example/sf/e",
    )
    value = bytes(byte for byte in data if byte not in b"\r\n\x00")
    headers = [(b"Content-Security-Policy", value)]
    answer = apply_csp(headers, CspMode.AMEND, sources)
    if answer.reason is not None:
        assert answer.headers == headers
        return
    ((_, amended),) = answer.headers
    kept = iter(_words(amended))
    assert all(word.lower() == b"'none'" or word in kept for word in _words(value))


def _words(policies: bytes) -> list[bytes]:
    return policies.replace(b",", b" ").replace(b";", b" ").split()


def check_snapshot(data: bytes) -> None:
    """Read a snapshot of sites: a good one or a reason, never anything else."""
    _read_snapshot(data)
    try:
        site = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    _read_snapshot(orjson.dumps({"schema": 1, "number": 1, "sites": [site]}))


def _read_snapshot(data: bytes) -> None:
    reason = ""
    try:
        assert isinstance(parse_snapshot(data), Snapshot)
    except SnapshotError as error:
        reason = str(error) or "none"
    assert reason != "none"


TARGETS: dict[str, Callable[[bytes], None]] = {
    "beacon": check_beacon,
    "chunks": check_chunks,
    "head": check_head,
    "packed_page": check_packed_page,
    "packed_tail": check_packed_tail,
    "page": check_page,
    "policy": check_policy,
    "snapshot": check_snapshot,
}
