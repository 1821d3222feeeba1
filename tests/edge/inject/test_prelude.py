"""The place of the tag, however a page is cut, and against a real parser."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inject.decide import SkipReason
from edge.inject.prelude import SCAN_BYTES, Expectations, PreludeScanner
from edge.inject.tag import own_tag_pattern
from tests.edge.inject.factories import SCRIPT, cut
from tests.edge.inject.golden import PLACED, XHTML, Golden
from tests.edge.inject.trees import outline, parse, take_own_script

SRC = "/sf/1a2b3c4d5e.js"
PIECES = [
    *(b"<!doctype html>", b"<html>", b"<HEAD a='>'>", b"<!--", b"-->", b"--!>", b"<!-->", b"<?x?>"),
    *(b"</p>", b"</head>", b"</", b"<", b">", b"'", b'"', b"=", b"/", b"x", b" ", b"\n", b"\x00"),
    *(b"<body>", b"<title>", b"</title>", b"<script>", b"</script>", b"<meta charset=utf-8>"),
    *(b"<svg>", b"<template>", b"<html lang=en", b"<head", b"<!", b"<!-", b"\xef\xbb\xbf", b"\xff"),
]
soup = st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)


def a_scanner(**changes: object) -> PreludeScanner:
    expects = {"tag_bytes": len(SCRIPT), "own_tag": own_tag_pattern(SRC), **changes}
    return PreludeScanner(Expectations(**expects))  # type: ignore[arg-type]


def scan(page: bytes, size: int, **changes: object) -> int | SkipReason:
    scanner = a_scanner(**changes)
    for chunk in cut(page, size):
        if (answer := scanner.feed(chunk)) is not None:
            return answer
    return scanner.finish()


@pytest.mark.parametrize(
    "golden", [g for g in PLACED if g.content_type != XHTML], ids=lambda golden: golden.name
)
def test_a_parser_sees_the_script_in_the_head_and_the_same_page_around_it(golden: Golden) -> None:
    tagged = parse(golden.tagged(SCRIPT))
    parent, before = take_own_script(tagged, SRC)
    assert parent.tagName == "head"
    assert outline(tagged) == outline(parse(golden.page))
    assert not before or b"charset" in golden.page


@given(soup)
def test_whatever_the_soup_a_place_is_in_the_head_and_first(page: bytes) -> None:
    place = scan(page, 0)
    if isinstance(place, SkipReason):
        return
    tagged = parse(page[:place] + SCRIPT + page[place:])
    parent, before = take_own_script(tagged, SRC)
    assert (parent.tagName, before) == ("head", [])
    assert outline(tagged) == outline(parse(page))


@given(soup, st.integers(1, 40), st.booleans(), st.booleans(), st.booleans())
def test_the_answer_does_not_depend_on_the_cut(
    page: bytes, size: int, xml: bool, named: bool, needs_evidence: bool
) -> None:
    options = {"is_xml": xml, "charset_named": named, "needs_evidence": needs_evidence}
    assert scan(page, size, **options) == scan(page, len(page) + 1, **options)


@given(st.binary(max_size=300))
def test_random_bytes_get_an_answer_in_bounds(data: bytes) -> None:
    answer = scan(b"<!doctype html>" + data, 0, charset_named=False)
    assert isinstance(answer, SkipReason) or 0 <= answer <= len(data) + 15


def test_memory_is_capped_whatever_is_fed() -> None:
    scanner = a_scanner()
    assert scanner.feed(b"<!--" + b"x" * 3 * SCAN_BYTES) is SkipReason.SCAN_LIMIT
    assert len(scanner.buffer) == SCAN_BYTES


def test_a_place_is_answered_as_soon_as_one_more_byte_shows_that_no_tag_of_ours_follows() -> None:
    scanner = a_scanner()
    assert scanner.feed(b"<html><head>") is None
    assert scanner.feed(b"\n  <") is None
    assert scanner.feed(b"t") == len(b"<html><head>")


def test_no_byte_is_searched_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0

    class Counting:
        def __init__(self, inner: re.Pattern[bytes]) -> None:
            self.inner = inner

        def search(self, data: bytearray, at: int) -> re.Match[bytes] | None:
            nonlocal searched
            searched += len(data) - at
            return self.inner.search(data, at)

    for name in ("_COMMENT_END", "_CLOSE", "_NOT_SPACE", "_NAME_END", "_ATTRIBUTE_END"):
        pattern = getattr(PreludeScanner._scan, "__globals__")[name]  # noqa: B009 - mypy
        monkeypatch.setitem(PreludeScanner._scan.__globals__, name, Counting(pattern))
    page = b"<!--" + b"- >" * 2000 + b"--><html " + b"a b=c " * 1000 + b"><head>"
    assert scan(page, 1) == len(page)
    assert searched < 6 * len(page)
