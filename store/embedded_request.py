"""Understand one HTTP request to the store's face, and say nothing about sockets.

ClickHouse takes the statement from ``?query=``, from the body, or from both joined; settings are
query parameters; bound parameters are ``param_*``; a form carries what is too long for a URL. This
module turns that into values; ``embedded_http`` reads and writes the bytes. The invariant: whoever
does not know the secret gets nothing but ``/ping`` and an error.
"""

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from store.embedded_codings import decode_body
from store.embedded_errors import ErrorCode, FaceError

_TRANSPORT = frozenset(
    {
        "buffer_size",
        "client_protocol_version",
        "compress",
        "database",
        "default_format",
        "http_headers_progress_interval_ms",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
"""Parameters of the HTTP port itself; every other one is a setting for the engine."""


@dataclass(frozen=True, slots=True)
class Request:
    """One statement as a client asked for it.

    ``sql`` is statement and data together, as a server joins them.
    """

    sql: bytes
    params: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    default_format: str
    query_id: str
    session_id: str
    accept_coding: str


def is_allowed(headers: Mapping[str, str], query: str, secret: str) -> bool:
    """Whether the request names the secret, in any of the three ways of a server.

    The user's name does not matter. Compared in constant time.
    """
    given = headers.get("X-ClickHouse-Key")
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = b64decode(token, validate=True).decode().partition(":")[2]
        except (Base64Error, UnicodeDecodeError):
            return False
    if given is None:
        given = dict(parse_qsl(query)).get("password", "")
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def parse_request(
    method: str, query: str, headers: Mapping[str, str], body: bytes, *, max_bytes: int
) -> Request:
    """Put a request's parts together.

    Raises:
        FaceError: The body cannot be decoded, or asks for what this face does not do.
    """
    fields = dict(parse_qsl(query, keep_blank_values=True))
    if fields.pop("decompress", "0") not in {"0", ""}:
        raise FaceError(
            ErrorCode.NOT_IMPLEMENTED, "decompress=1 is not supported; use HTTP codings"
        )
    body = decode_body(body, headers.get("Content-Encoding", ""), max_bytes)
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields |= _parse_form(headers["Content-Type"], body)
        body = b""
    elif kind == "application/x-www-form-urlencoded" and "query" not in fields:
        fields |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        body = b""
    settings = {n: v for n, v in fields.items() if n not in _TRANSPORT and n[:6] != "param_"}
    coded = settings.pop("enable_http_compression", "0") not in {"0", "false", ""}
    if method != "POST" and settings.get("readonly", "0") == "0":
        # As on a server: whoever only gets may not change anything.
        settings["readonly"] = "2"
    return Request(
        sql=_join(fields.get("query", "").encode(), body),
        params={name[6:]: value for name, value in fields.items() if name[:6] == "param_"},
        settings=settings,
        database=fields.get("database") or headers.get("X-ClickHouse-Database", ""),
        default_format=fields.get("default_format")
        or headers.get("X-ClickHouse-Format", "TabSeparated"),
        query_id=fields.get("query_id", ""),
        session_id=fields.get("session_id", ""),
        accept_coding=headers.get("Accept-Encoding", "") if coded else "",
    )


def _join(query: bytes, body: bytes) -> bytes:
    return query + b"\n" + body if query and body else query or body


def _parse_form(content_type: str, body: bytes) -> dict[str, str]:
    """Read the text fields of a multipart form; files would be external tables."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form: Any = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    for part in form.iter_parts():
        if part.get_filename() is not None:
            raise FaceError(ErrorCode.NOT_IMPLEMENTED, "External data is not supported")
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = (part.get_payload(decode=True) or b"").decode()
    return fields
