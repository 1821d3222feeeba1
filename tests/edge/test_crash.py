"""Exceptions are told without their words."""

import logging

import pytest

from edge.crash import place_of
from edge.inject.prelude import PreludeScanner
from edge.inject.rewriter import PlainRewriter

SECRET = "alice@shop.example"


def test_an_exception_is_told_by_kind_and_place() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        told = place_of(error)
    assert told.startswith("ValueError at test_crash.py:")
    assert told.endswith("(test_an_exception_is_told_by_kind_and_place)")
    assert place_of(KeyError(SECRET)) == "KeyError"


class BrokenScanner(PreludeScanner):
    """Fails with the page in its words."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Fail."""
        raise ValueError(chunk.decode())


def test_the_injectors_log_never_quotes_a_page(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert PlainRewriter(BrokenScanner(), b"<x>").feed(SECRET.encode()) == SECRET.encode()
    said = logging.Formatter().format(caplog.records[0])
    assert "the scanner failed, the page passes unchanged: ValueError at test_crash.py" in said
    assert SECRET not in said
