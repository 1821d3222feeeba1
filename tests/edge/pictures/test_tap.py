"""The copy of a document: whole and decoded, or none."""

import gzip

import pytest

from edge.pictures import tap
from edge.pictures.tap import Tap

BODY = b"<!doctype html><title>x</title>" + b"word " * 5_000


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(("coding", "sent"), [(b"", BODY), (b"gzip", gzip.compress(BODY))])
def test_a_document_is_copied_as_it_was_before_its_coding(
    coding: bytes, sent: bytes, size: int
) -> None:
    copy = Tap(coding)
    for at in range(0, len(sent), size):
        copy.feed(sent[at : at + size])
    assert copy.take() == BODY


def test_what_is_cut_broken_or_too_large_is_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    cut, broken = Tap(b"gzip"), Tap(b"gzip")
    cut.feed(gzip.compress(BODY)[:-9])
    broken.feed(b"no gzip at all")
    broken.feed(b"nor this")
    assert (cut.take(), broken.take()) == (None, None)
    monkeypatch.setattr(tap, "MOST_BYTES", len(BODY) - 1)
    large, bomb = Tap(b""), Tap(b"gzip")
    large.feed(BODY)
    large.feed(BODY)
    bomb.feed(gzip.compress(BODY))
    assert (large.take(), bomb.take()) == (None, None)
