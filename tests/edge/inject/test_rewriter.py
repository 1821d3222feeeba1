"""Whole pages through the rewriter: every golden page, coding and cut; broken and hostile input."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from functools import lru_cache
from itertools import product

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inject.codings import open_codec
from edge.inject.decide import SkipReason
from edge.inject.rewriter import BodyBrokenError, BodyRewriter, CodedRewriter
from edge.sites import Mode, Site
from tests.edge.inject.factories import (
    NAVIGATION,
    PROGRAM,
    SCRIPT,
    a_request,
    a_response,
    a_rewriter,
    a_site,
    run,
)
from tests.edge.inject.golden import PLACED, SKIPPED, Golden

SIZES = [*range(1, 65), 0]
LONG = [1000, 65_536, 0]
PAGE = b"<!doctype html><html><head><title>t</title></head><body>" + b"<p>some words</p>" * 400
TAGGED = PAGE.replace(b"<head>", b"<head>" + SCRIPT)


@lru_cache(maxsize=8)
def encode(coding: bytes, data: bytes) -> bytes:
    if not coding:
        return data
    if coding == b"raw":
        stream = zlib.compressobj(6, zlib.DEFLATED, -15)
        return stream.compress(data) + stream.flush()
    encoder = open_codec(coding)[1]()
    return encoder.encode(data) + encoder.finish()


def decode(coding: bytes, data: bytes) -> bytes:
    if not coding:
        return data
    decoder = open_codec(b"deflate" if coding == b"raw" else coding)[0]
    return b"".join(decoder.feed(data))


def is_complete(coding: bytes, data: bytes) -> bool:
    decoder = open_codec(coding)[0]
    list(decoder.feed(data))
    return decoder.is_complete


def a_body(golden: Golden, coding: bytes, site: Site | None = None) -> BodyRewriter:
    headers = [(b"Content-Type", golden.content_type)]
    if coding:
        headers.append((b"Content-Encoding", b"deflate" if coding == b"raw" else coding))
    request = a_request(NAVIGATION if golden.labelled else PROGRAM, site=site)
    body = a_response(*headers, request=request).body
    assert body is not None
    return body


CODINGS = [b"", b"gzip", b"deflate", b"raw", b"br", b"zstd"]


@pytest.mark.parametrize("golden", PLACED, ids=lambda golden: golden.name)
def test_a_page_gets_one_tag_at_its_place_however_it_is_cut_and_coded(golden: Golden) -> None:
    for coding, size in product(CODINGS, SIZES if len(golden.page) < 5000 else LONG):
        body = a_body(golden, coding)
        sent = run(body, encode(coding, golden.page), size)
        assert decode(coding, sent) == golden.tagged(SCRIPT), (coding, size)
        assert body.outcome is None


@pytest.mark.parametrize("golden", SKIPPED, ids=lambda golden: golden.name)
def test_a_page_that_is_declined_is_the_same_bytes(golden: Golden) -> None:
    for coding, size in product(CODINGS, SIZES if len(golden.page) < 5000 else LONG):
        body, encoded = a_body(golden, coding), encode(coding, golden.page)
        assert run(body, encoded, size) == encoded, (coding, size)
        assert body.outcome is golden.reason


@pytest.mark.parametrize("golden", [*PLACED, *SKIPPED], ids=lambda golden: golden.name)
def test_shadow_mode_passes_every_page_and_says_what_would_have_been(golden: Golden) -> None:
    for coding in (b"", b"gzip"):
        body = a_body(golden, coding, a_site(mode=Mode.SHADOW))
        encoded = encode(coding, golden.page)
        assert run(body, encoded, 50) == encoded
        assert body.outcome is (golden.reason or SkipReason.SHADOW)


def test_after_the_tag_a_plain_chunk_passes_without_a_copy() -> None:
    body = a_rewriter()
    body.feed(PAGE)
    chunk = b"x" * 1000
    assert body.feed(chunk) is chunk


@pytest.mark.parametrize("coding", CODINGS[1:])
def test_each_chunk_of_a_streaming_page_can_be_read_at_once(coding: bytes) -> None:
    name = b"deflate" if coding == b"raw" else coding
    encoder = open_codec(name)[1]()
    body, decoder = a_rewriter(name), open_codec(name)[0]
    start = encoder.encode(b"<!doctype html><html><head><title>") + encoder.flush()
    assert b"".join(decoder.feed(body.feed(start))).endswith(SCRIPT + b"<title>")
    for word in (b"one", b"two"):
        chunk = encoder.encode(word) + encoder.flush()
        assert b"".join(decoder.feed(body.feed(chunk))) == word
    assert b"".join(decoder.feed(body.feed(encoder.finish()) + body.finish())) == b""
    assert decoder.is_complete


def test_the_first_byte_goes_out_before_the_page_is_there() -> None:
    assert a_rewriter().feed(b"<html><head><title>t").endswith(SCRIPT + b"<title>t")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_body_cut_inside_its_coding_looks_cut_to_the_client(coding: bytes) -> None:
    encoder = open_codec(coding)[1]()
    half = encoder.encode(PAGE) + encoder.flush()
    half += (encoder.encode(bytes(range(256)) * 20) + encoder.finish())[:-20]
    for size in (1, 7, 100_000):
        body = a_rewriter(coding)
        sent = run(body, half, size)
        seen = decode(coding, sent)
        assert seen.startswith(SCRIPT, PAGE.index(b"<title>"))
        assert seen.replace(SCRIPT, b"") == decode(coding, half)
        assert not is_complete(coding, sent)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_body_cut_before_the_place_is_sent_as_it_came(coding: bytes) -> None:
    encoded = encode(coding, b"<!doctype html><!--" + b"x" * 50)[:-5]
    body = a_rewriter(coding)
    assert run(body, encoded, 3) == encoded
    assert body.outcome is SkipReason.TRUNCATED


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
@pytest.mark.parametrize(
    "data", [PAGE, b"\x1f\x8b\x08\x00" + b"garbage" * 50, b"\x28\xb5\x2f\xfd<"]
)
def test_a_body_that_is_not_what_its_coding_says_is_sent_as_it_came(
    coding: bytes, data: bytes
) -> None:
    for size in (1, 5, 100_000):
        body = a_rewriter(coding)
        assert run(body, data, size) == data
        assert body.outcome in {SkipReason.UNDECODABLE, SkipReason.TRUNCATED}


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_body_that_breaks_after_the_tag_went_out_breaks_the_connection(coding: bytes) -> None:
    encoder = open_codec(coding)[1]()
    body = a_rewriter(coding)
    assert body.feed(encoder.encode(PAGE) + encoder.flush())
    with pytest.raises(BodyBrokenError):
        body.feed(b"\xff" * 5000)
    with pytest.raises(BodyBrokenError):
        body.feed(b"more")
    with pytest.raises(BodyBrokenError):
        body.finish()


def test_a_wrong_checksum_in_the_only_chunk_leaves_the_original() -> None:
    encoded = bytearray(gzip.compress(PAGE))
    encoded[-6] ^= 1
    body = a_rewriter(b"gzip")
    assert run(body, bytes(encoded), 100_000) == encoded
    assert body.outcome is SkipReason.UNDECODABLE


def test_all_members_of_a_gzip_body_are_read_and_what_follows_is_dropped() -> None:
    encoded = gzip.compress(PAGE[:30]) + gzip.compress(PAGE[30:]) + b"\x00\x00trailing"
    for size in (1, 3, 100_000):
        assert decode(b"gzip", run(a_rewriter(b"gzip"), encoded, size)) == TAGGED


def test_all_frames_of_a_zstd_body_are_read_even_the_skippable() -> None:
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    encoded = skippable + encode(b"zstd", PAGE[:30]) + skippable + encode(b"zstd", PAGE[30:])
    for size in (1, 3, 100_000):
        assert decode(b"zstd", run(a_rewriter(b"zstd"), encoded, size)) == TAGGED


def test_a_gzip_body_stays_small_enough() -> None:
    assert len(run(a_rewriter(b"gzip"), gzip.compress(PAGE), 100_000)) < len(PAGE) / 5


BOMBS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda data: gzip.compress(data, 1),
    b"br": lambda data: bytes(brotli.compress(data, quality=5)),
    b"zstd": lambda data: encode(b"zstd", data),
}


@pytest.mark.parametrize("coding", BOMBS)
@pytest.mark.parametrize("start", [b"<!doctype html><html><head><title>", b"<!doctype html><!--"])
def test_a_bomb_is_passed_on_packed_and_never_unpacked_in_memory(
    coding: bytes, start: bytes
) -> None:
    bomb = BOMBS[coding](start + b" " * (20 << 20))
    body = a_rewriter(coding)
    tracemalloc.start()
    try:
        assert run(body, bomb, 1 << 20) == bomb
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert body.outcome in {SkipReason.BOMB, SkipReason.SCAN_LIMIT}
    assert peak < 4 << 20


def test_input_that_unpacks_to_nothing_is_not_held_for_ever() -> None:
    stream = zlib.compressobj(6, zlib.DEFLATED, 31)
    padding = stream.compress(b"<!") + stream.flush(zlib.Z_SYNC_FLUSH)
    padding += b"\x00\x00\x00\xff\xff" * 20_000
    body = a_rewriter(b"gzip")
    assert run(body, padding, 1000) == padding
    assert body.outcome is SkipReason.SCAN_LIMIT


def test_a_bug_in_the_scanner_costs_the_tag_not_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr("edge.inject.prelude.PreludeScanner._resume", explode)
    for coding in (b"", b"gzip"):
        body = a_rewriter(coding)
        encoded = encode(coding, PAGE)
        assert run(body, encoded, 10) == encoded
        assert body.outcome is SkipReason.FAILED
    assert "RuntimeError at" in caplog.text
    assert "a bug" not in caplog.text


def test_a_bug_in_the_encoder_leaves_the_original_while_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explode(*_: object) -> bytes:
        raise RuntimeError("a bug")

    body = a_rewriter(b"gzip")
    monkeypatch.setattr(CodedRewriter, "_encode", explode)
    encoded = encode(b"gzip", PAGE)
    assert run(body, encoded, 50) == encoded
    assert body.outcome is SkipReason.FAILED


@pytest.mark.parametrize("coding", CODINGS)
@given(data=st.binary(max_size=400), size=st.integers(1, 60))
def test_random_bytes_are_never_lost(coding: bytes, data: bytes, size: int) -> None:
    for page in (data, b"<!doctype html>" + data):
        encoded = encode(coding, page)
        name = b"deflate" if coding == b"raw" else coding
        sent = decode(coding, run(a_rewriter(name), encoded, size))
        assert sent == page or sent.replace(SCRIPT, b"", 1) == page


@pytest.mark.parametrize("coding", CODINGS[1:])
@given(data=st.binary(max_size=400), size=st.integers(1, 60))
def test_random_bytes_that_only_claim_a_coding_pass_or_break(
    coding: bytes, data: bytes, size: int
) -> None:
    body = a_rewriter(b"deflate" if coding == b"raw" else coding)
    start = encode(coding, PAGE)[: len(data)]
    try:
        sent = run(body, start + data, size)
    except BodyBrokenError:
        return
    assert body.outcome is None or sent == start + data
