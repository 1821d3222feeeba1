"""What a front cannot do: one table, by front and case, each with the reason.

A case named here must fail on that front; the day that it passes, the suite fails until the row is
taken out. Operators read the same in ``docs/fronts-nginx.md`` and at the top of a generated file.
A key is a case's name in the tables of cases, else a test's name with its parameters.
"""

import pytest

_INTERIM = "nginx before 1.29 has no interim answers; the edge behind it keeps them back"
_TRAILERS = "nginx drops trailers"
_KEPT = "the edge refuses it, and nginx keeps its own connection to the client"

_BARE_LF = "nginx takes a bare LF for a line's end"
_TRAILERS_UNREAD = "nginx drops trailers, whatever they are"
_TABS = "nginx takes a tab for a part of a value"
_METHODS = "nginx refuses TRACE, OPTIONS * and methods of other letters than A to Z, - and _"
_LINES = "nginx forgives spaces and minor versions in a request line, and writes its own"

LIMITS: dict[str, dict[str, str]] = {
    "nginx": {
        "103 is passed on at once": _INTERIM,
        "102 comes as often as it was sent": _INTERIM,
        "test_http2_gets_interim_answers_and_trailers": _INTERIM,
        "request trailers reach the origin": _TRAILERS,
        "response trailers reach the client": _TRAILERS,
        "connection-level fields stop at the edge, both ways": (
            "nginx takes out the fields it knows, not those that Connection names"
        ),
        "a reset is seen as cut off by HTTP/1.0": "nginx ends an HTTP/1.0 answer in good order",
        "no version": "nginx still answers HTTP/0.9, without a header",
        "CONNECT": "nginx answers 400, not 405",
        "a line without a colon": "nginx leaves such a line out and goes on",
        "a bare LF between fields": _BARE_LF,
        "field: ends in bare LF": _BARE_LF,
        "length: a bare LF behind": _BARE_LF,
        "a bare LF behind a size": _BARE_LF,
        "a bare LF behind the data": _BARE_LF,
        "a bare LF behind the last size": _BARE_LF,
        "a bare LF at the end": _BARE_LF,
        "a bare LF in the trailers": _BARE_LF,
        "field: CR CR LF": "nginx takes CR CR LF for a line's end",
        "field: a name above ASCII": "nginx leaves such a line out and goes on",
        "a folded trailer": _TRAILERS_UNREAD,
        "NUL in a trailer": _TRAILERS_UNREAD,
        "a trailer that is no field": _TRAILERS_UNREAD,
        "a trailer with a space before its colon": _TRAILERS_UNREAD,
        "trailers after a page": _TRAILERS,
        "interim answers before a page": _INTERIM,
        "Host with spaces around": _TABS,
        "a length with spaces around": _TABS,
        "chunked after a tab": _TABS,
        "OPTIONS of the whole server": _METHODS,
        "method TRACE": _METHODS,
        "method get": _METHODS,
        "method X_Y!~1": _METHODS,
        "line: two spaces": _LINES,
        "line: a space behind": _LINES,
        "line: HTTP/1.2": _LINES,
        "line: a long version": _LINES,
        "length: a leading zero": "nginx reads a length with zeros before, and writes its own",
        "host: odd beside absolute-form": "beside absolute-form nginx does not read Host",
        "a GET with a body": "a GET with a body goes to the origin, without the tag",
        "a target of 40,000 bytes": _KEPT,
        "an origin that is down": _KEPT,
        "a certificate of another name": _KEPT,
        "a body above the site's limit": "nginx reads on for up to 5 s before it closes",
        "test_an_answer_before_the_end_of_an_upload_arrives": (
            "nginx closes the connection after an answer that came before the end of an upload"
        ),
        "test_endless_chunk_extensions_are_cut": "nginx skips chunk extensions of any length",
        "test_a_trusted_proxys_fields_are_kept_and_extended": (
            "of pages, X-Forwarded-For names the client alone; Forwarded names every hop"
        ),
        "test_drain_finishes_http2_streams_and_says_goodbye": "nginx waits for HTTP/2 clients",
        "test_http2_errors_end_one_stream_only[nobody.localhost-421]": "errors name nginx",
        "test_http2_errors_end_one_stream_only[a@b-400]": "errors name nginx",
    },
}

SOMETIMES: dict[str, dict[str, str]] = {
    "nginx": {
        "test_an_upload_and_its_answer_flow_at_once": (
            "nginx stalls one time in ten where both sides send megabytes at once"
        ),
    },
}
"""Limits that do not show every time, and so cannot be strict."""

TABLES = frozenset({"test_case", "test_a_broken_body_never_hides_a_request"})
"""Tests that replay tables, whose rows have names of their own."""

NAMES_ITSELF = frozenset({"nginx"})
"""Fronts that write a Server field into errors; without a module of others nginx cannot not."""


def mark_limits(items: list[pytest.Item]) -> None:
    """Expect the failures of the table, strictly."""
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        params = item.callspec.params
        front = params.get("shared_stack") or params.get("own_stack") or params.get("process")
        if reason := _find_reason(item, str(front)):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        elif reason := SOMETIMES.get(str(front), {}).get(item.originalname):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=False))


def _find_reason(item: pytest.Function, front: str) -> str | None:
    rest = item.callspec.id.removeprefix(front).removeprefix("-")
    limits = LIMITS.get(front, {})
    if item.originalname in TABLES:
        return limits.get(rest)
    return limits.get(item.originalname) or limits.get(f"{item.originalname}[{rest}]")
