"""What a front cannot do: one table, by front and case, each with the reason.

A case named here must fail on that front; the day that it passes, the suite fails until the row is
taken out. Operators read the same in ``docs/fronts-nginx.md`` and at the top of a generated file.
A key is a case's name in the tables of cases, else a test's name with its parameters.
"""

import pytest

_INTERIM = "nginx before 1.29 has no interim answers; the edge behind it keeps them back"
_TRAILERS = "nginx drops trailers"
_KEPT = "the edge refuses it, and nginx keeps its own connection to the client"

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
        "a bare LF between fields": "nginx takes a bare LF for a line's end",
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

NAMES_ITSELF = frozenset({"nginx"})
"""Fronts that write a Server field into errors; without a module of others nginx cannot not."""


def mark_limits(items: list[pytest.Item]) -> None:
    """Expect the failures of the table, strictly."""
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        params = item.callspec.params
        front = params.get("shared_stack") or params.get("own_stack")
        if reason := _find_reason(item, str(front)):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _find_reason(item: pytest.Function, front: str) -> str | None:
    rest = item.callspec.id.removeprefix(front).removeprefix("-")
    limits = LIMITS.get(front, {})
    if item.originalname == "test_case":
        return limits.get(rest)
    return limits.get(item.originalname) or limits.get(f"{item.originalname}[{rest}]")
