"""The tracker script: names, codings, validators and ages."""

import gzip
from collections.abc import Callable
from hashlib import sha256

import brotli
import pytest
import zstandard

from edge.collector.script import choose_coding
from tests.edge.collector.conftest import Edge, header


@pytest.fixture
def current(edge: Edge) -> str:
    body = edge.ask("GET", "/sf/tracker.js").body
    return f"/sf/{sha256(body).hexdigest()[:10]}.js"


def test_the_current_hash_is_immutable(edge: Edge, current: str) -> None:
    answer = edge.ask("GET", current)
    assert answer.status == 200
    assert header(answer, b"cache-control") == b"public, max-age=31536000, immutable"
    assert header(answer, b"content-type") == b"text/javascript; charset=utf-8"
    assert header(answer, b"x-content-type-options") == b"nosniff"
    assert header(answer, b"content-length") == b"%d" % len(answer.body)
    assert header(answer, b"set-cookie") is None
    assert b'"/sf/e"' in answer.body


@pytest.mark.parametrize("name", ["tracker.js", "0123abcd.js", "0123456789ab.js"])
def test_other_names_give_the_current_build_for_a_short_time(
    edge: Edge, current: str, name: str
) -> None:
    answer = edge.ask("GET", f"/sf/{name}")
    assert answer.status == 200
    assert answer.body == edge.ask("GET", current).body
    assert header(answer, b"cache-control") == b"public, max-age=600"


@pytest.mark.parametrize(
    ("coding", "undo"),
    [
        (b"br", brotli.decompress),
        (b"gzip", gzip.decompress),
        (b"zstd", zstandard.decompress),
    ],
)
def test_codings(edge: Edge, current: str, coding: bytes, undo: Callable[[bytes], bytes]) -> None:
    answer = edge.ask("GET", current, add=[(b"Accept-Encoding", coding)])
    assert header(answer, b"content-encoding") == coding
    assert header(answer, b"vary") == b"Accept-Encoding, Origin"
    assert undo(answer.body) == edge.ask("GET", current).body
    assert header(answer, b"etag") != header(edge.ask("GET", current), b"etag")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"", b""),
        (b"gzip, deflate, br, zstd", b"br"),
        (b"gzip, zstd", b"zstd"),
        (b"GZIP", b"gzip"),
        (b"br;q=0, gzip;q=0.5", b"gzip"),
        (b"br;q=0.000", b""),
        (b"br; q=1.0", b"br"),
        (b"*", b"br"),
        (b"*;q=0", b""),
        (b"br;q=0, *", b"zstd"),
        (b"identity", b""),
        (b"\xff;;q=,", b""),
    ],
)
def test_choice_of_coding(accepted: bytes, coding: bytes) -> None:
    assert choose_coding(accepted) == coding


def test_a_client_that_has_it_is_told_so(edge: Edge, current: str) -> None:
    for known in (b"", b"br"):
        add = [(b"Accept-Encoding", known)]
        tag = header(edge.ask("GET", current, add=add), b"etag")
        assert tag is not None
        for value in (tag, b"W/" + tag, b'"x", ' + tag, b"*"):
            answer = edge.ask("GET", current, add=[*add, (b"If-None-Match", value)])
            assert (answer.status, answer.body) == (304, b"")
            assert header(answer, b"content-length") is None
    assert edge.ask("GET", current, add=[(b"If-None-Match", b'"x"')]).status == 200


def test_head_has_the_length_and_no_body(edge: Edge, current: str) -> None:
    answer, full = edge.ask("HEAD", current), edge.ask("GET", current)
    assert answer.body == b""
    assert answer.headers == full.headers


def test_other_methods_are_refused(edge: Edge, current: str) -> None:
    answer = edge.ask("POST", current)
    assert (answer.status, header(answer, b"allow")) == (405, b"GET, HEAD")


def test_only_the_sites_own_origin_may_read_it_across(edge: Edge, current: str) -> None:
    own = edge.ask("GET", current)
    assert header(own, b"access-control-allow-origin") == b"https://shop.example"
    foreign = edge.ask("GET", current, add=[(b"Origin", b"https://evil.example")])
    assert foreign.status == 200
    assert header(foreign, b"access-control-allow-origin") is None
