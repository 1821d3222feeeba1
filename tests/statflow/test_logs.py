"""Logs that a machine reads: one JSON object a line."""

import json
import logging
import sys

from statflow.logs import JsonLines


def a_record(message: str, *arguments: object, failed: bool = False) -> logging.LogRecord:
    info = None
    if failed:
        try:
            int("why")
        except ValueError:
            info = sys.exc_info()
    return logging.LogRecord("edge.app", logging.WARNING, "x.py", 1, message, arguments, info)


def test_a_record_is_one_line() -> None:
    line = JsonLines().format(a_record("two\nlines, %s", "é"))
    read = json.loads(line)

    assert "\n" not in line
    assert read.pop("at").endswith("+00:00")
    assert read == {
        "kind": "log", "level": "warning", "from": "edge.app", "message": "two\nlines, é",
    }  # fmt: skip


def test_a_traceback_stays_within_its_line() -> None:
    line = JsonLines().format(a_record("failed", failed=True))

    assert "\n" not in line
    assert "ValueError: " in json.loads(line)["traceback"]
