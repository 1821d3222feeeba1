"""The request log: useful lines, nobody's traces, and no page that waits for a reader."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import orjson
from prometheus_client import REGISTRY

from edge.fronts.operating import Answered
from edge.request_log import RequestLog, render_line

ANSWERED = Answered(7, "GET", 200, 1234, 12.345, "0123456789abcdef", "page")


def test_a_line_says_what_became_of_a_request() -> None:
    line = render_line(ANSWERED, datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC))

    assert line.endswith(b"}\n")
    assert orjson.loads(line) == {
        "at": "2026-01-02T03:04:05.678+00:00",
        "kind": "request",
        "site": 7,
        "method": "GET",
        "status": 200,
        "bytes": 1234,
        "ms": 12.3,
        "id": "0123456789abcdef",
        "outcome": "page",
    }


def test_a_method_that_a_client_made_up_is_not_repeated() -> None:
    line = render_line(replace(ANSWERED, method="JANE-DOE"), datetime(2026, 1, 2, tzinfo=UTC))

    assert orjson.loads(line)["method"] == "other"


def test_lines_are_written_in_order_and_none_is_lost_at_the_end() -> None:
    read, write = os.pipe()
    log = RequestLog(write).start()
    for status in range(200, 300):
        log(Answered(1, "GET", status, 0, 0.0, "id", "page"))
    log.stop()
    os.close(write)
    with os.fdopen(read, "rb") as lines:
        assert [orjson.loads(line)["status"] for line in lines] == list(range(200, 300))


def test_a_reader_that_does_not_read_costs_lines_and_no_time() -> None:
    read, write = os.pipe()
    before = _dropped()
    log = RequestLog(write).start()
    for _ in range(30_000):
        log(ANSWERED)

    assert _dropped() - before > 0
    os.close(read)
    log.stop()
    os.close(write)


def _dropped() -> float:
    return REGISTRY.get_sample_value("statflow_request_log_dropped_total") or 0.0
