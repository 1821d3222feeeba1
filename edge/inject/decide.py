"""Decide from headers alone whether a response may get the tag, and name every "no".

This module reads requests and responses; it never looks into a body (``prelude`` does), never
changes a header (``plan``, ``csp`` and ``validators`` do) and never counts (the fronts do). The one
invariant: whoever declines to inject says so with exactly one ``SkipReason``, and each reason has
one row in ``REASONS``, which ``docs/injection.md`` repeats and a test holds equal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from edge.inject.tag import Headers
from edge.wire.fields import Indexed

type Fields = Mapping[bytes, list[bytes]]
"""Lower-case field name → its values in order; only the names somebody asks for."""


class Stage(StrEnum):
    """What has been seen when a page is declined, in order."""

    REQUEST = "request"
    RESPONSE = "response"
    BODY = "body"


class SkipReason(StrEnum):
    """Why a response got no tag; the value is what counters, hits and docs show."""

    OFF = "off"
    KILLED = "killed"
    EDGE_ONLY = "edge_only"
    RULE = "rule"
    BREAKER = "breaker"
    SHADOW = "shadow"
    METHOD = "method"
    NOT_DOCUMENT = "not_document"
    PICTURE = "picture"
    PARTIAL_REQUEST = "partial_request"
    HEAD = "head"
    STATUS = "status"
    REDIRECT = "redirect"
    PARTIAL_CONTENT = "partial_content"
    NOT_MODIFIED = "not_modified"
    CONTENT_TYPE = "content_type"
    ATTACHMENT = "attachment"
    NO_TRANSFORM = "no_transform"
    SIGNED = "signed"
    CHARSET = "charset"
    CODING = "coding"
    CSP_BLOCKED = "csp_blocked"
    CSP_STRICT_DYNAMIC = "csp_strict_dynamic"
    CSP_SANDBOX = "csp_sandbox"
    INTEGRITY_POLICY = "integrity_policy"
    CANARY = "canary"
    EMPTY = "empty"
    NOT_MARKUP = "not_markup"
    FRAGMENT = "fragment"
    AMP = "amp"
    ALREADY_TAGGED = "already_tagged"
    NO_PLACE = "no_place"
    SCAN_LIMIT = "scan_limit"
    LATE_CHARSET = "late_charset"
    CSP_META = "csp_meta"
    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    BOMB = "bomb"
    FAILED = "failed"


class DeclinedError(Exception):
    """Carry a reason out of a scan; never leaves this package."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table of reasons; ``unexpected`` ones deserve an operator's look."""

    reason: SkipReason
    stage: Stage
    unexpected: bool
    meaning: str


_REQUEST, _RESPONSE, _BODY = Stage.REQUEST, Stage.RESPONSE, Stage.BODY

REASONS: tuple[Reason, ...] = (
    Reason(SkipReason.OFF, _REQUEST, False, "Injection is switched off for the site."),
    Reason(SkipReason.KILLED, _REQUEST, False, "Injection is switched off for all sites."),
    Reason(
        SkipReason.EDGE_ONLY, _REQUEST, False, "The site is measured at the edge, without a script."
    ),
    Reason(SkipReason.RULE, _REQUEST, False, "A rule keeps the script out of this page."),
    Reason(
        SkipReason.BREAKER,
        _REQUEST,
        True,
        "The circuit breaker has switched injection off for the site, for a while.",
    ),
    Reason(SkipReason.PICTURE, _REQUEST, False, "Somebody of the team takes the page's picture."),
    Reason(
        SkipReason.SHADOW, _BODY, False, "The page would have got the tag; the site only counts."
    ),
    Reason(SkipReason.METHOD, _REQUEST, False, "The method is neither GET nor HEAD."),
    Reason(
        SkipReason.NOT_DOCUMENT,
        _REQUEST,
        False,
        "Sec-Fetch-Dest names something other than a document, an iframe or a frame.",
    ),
    Reason(
        SkipReason.PARTIAL_REQUEST,
        _REQUEST,
        False,
        "A script asked for a piece of a page: X-Requested-With, HX-Request, Turbo-Frame, X-PJAX.",
    ),
    Reason(SkipReason.HEAD, _RESPONSE, False, "A HEAD answer has no body; its headers are ours."),
    Reason(
        SkipReason.STATUS, _RESPONSE, False, "The status has no body of its own: 1xx, 204, 205."
    ),
    Reason(SkipReason.REDIRECT, _RESPONSE, False, "A redirect is not shown to anybody."),
    Reason(SkipReason.PARTIAL_CONTENT, _RESPONSE, False, "A 206 is a slice; offsets must hold."),
    Reason(SkipReason.NOT_MODIFIED, _RESPONSE, False, "A 304: the visitor's own copy has the tag."),
    Reason(
        SkipReason.CONTENT_TYPE, _RESPONSE, False, "Neither text/html nor application/xhtml+xml."
    ),
    Reason(SkipReason.ATTACHMENT, _RESPONSE, False, "The response is a download."),
    Reason(SkipReason.NO_TRANSFORM, _RESPONSE, False, "Cache-Control says no-transform."),
    Reason(SkipReason.SIGNED, _RESPONSE, False, "The response carries a signature."),
    Reason(
        SkipReason.CHARSET,
        _RESPONSE,
        False,
        "The charset is not a superset of ASCII: UTF-16, UTF-32, UTF-7, ISO-2022, HZ, EBCDIC.",
    ),
    Reason(
        SkipReason.CODING, _RESPONSE, True, "Content-Encoding is unknown or names several codings."
    ),
    Reason(
        SkipReason.CSP_BLOCKED,
        _RESPONSE,
        False,
        "The page's policy blocks the tag and may not, or cannot, be amended.",
    ),
    Reason(
        SkipReason.CSP_STRICT_DYNAMIC,
        _RESPONSE,
        False,
        "The page's policy has 'strict-dynamic' and no nonce to reuse.",
    ),
    Reason(
        SkipReason.CSP_SANDBOX, _RESPONSE, False, "The page's policy is a sandbox without scripts."
    ),
    Reason(
        SkipReason.INTEGRITY_POLICY,
        _RESPONSE,
        False,
        "Integrity-Policy blocks scripts without an integrity attribute.",
    ),
    Reason(
        SkipReason.CANARY,
        _RESPONSE,
        False,
        "The page, or its visitor, is outside the share that gets the tag.",
    ),
    Reason(SkipReason.EMPTY, _BODY, False, "The body is empty or white space."),
    Reason(SkipReason.NOT_MARKUP, _BODY, False, "The first thing in the body is not markup."),
    Reason(
        SkipReason.FRAGMENT,
        _BODY,
        False,
        "No Sec-Fetch-Dest, and no doctype, <html, <head or <body at the start: a piece of a page.",
    ),
    Reason(SkipReason.AMP, _BODY, False, "AMP pages may not carry scripts of others."),
    Reason(SkipReason.ALREADY_TAGGED, _BODY, False, "The page already carries our tag."),
    Reason(SkipReason.NO_PLACE, _BODY, False, "The page has no place that is certainly right."),
    Reason(SkipReason.SCAN_LIMIT, _BODY, False, "The place was not found in the first 64 KiB."),
    Reason(
        SkipReason.LATE_CHARSET,
        _BODY,
        False,
        "The tag would push <meta charset> past byte 1,024, and no place after it is certain.",
    ),
    Reason(
        SkipReason.CSP_META,
        _BODY,
        False,
        "A <meta> policy comes before the only place where the tag could stand.",
    ),
    Reason(SkipReason.UNDECODABLE, _BODY, True, "The body does not match its Content-Encoding."),
    Reason(SkipReason.TRUNCATED, _BODY, True, "The body ended inside its coding."),
    Reason(SkipReason.BOMB, _BODY, True, "The body unpacks to far more than a page."),
    Reason(SkipReason.FAILED, _BODY, True, "The injector raised; see the log."),
)

DOCUMENT_DESTS = frozenset({b"document", b"iframe", b"frame"})
_PIECE_HEADERS = (b"hx-request", b"turbo-frame", b"x-pjax")
_REQUEST_NAMES = frozenset(
    {
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"x-requested-with",
        b"cache-control",
        b"accept",
        b"accept-encoding",
        b"host",
        b"if-none-match",
        b"if-match",
        b"if-range",
        b"if-modified-since",
        *_PIECE_HEADERS,
    }
)
_RESPONSE_NAMES = frozenset(
    {
        b"content-type",
        b"content-disposition",
        b"content-encoding",
        b"content-length",
        b"cache-control",
        b"signature-input",
        b"integrity-policy",
        b"content-security-policy",
        b"content-security-policy-report-only",
    }
)
_HTML = b"text/html"
XHTML = b"application/xhtml+xml"
_CHARSET = re.compile(rb";\s*charset\s*=\s*[\"']?([^\"';\s]*)", re.IGNORECASE)
_NOT_ASCII = re.compile(
    rb"(cs)?(utf-?16|utf-?32|utf-?7|ucs-?[24]|unicode|iso-?10646|iso-?2022|hz\b|hz-gb|cp037|ibm|ebcdic)"
)
_KNOWN_CHARSET = re.compile(
    rb"(x-)?(cs)?(utf-?8|unicode-1-1-utf-8|iso[-_]?(ir-?)?[0-9]|latin|l[1-9]\b|us-ascii|ascii|ansi|"
    rb"windows-|cp[0-9]|koi|gb|chinese|big5|euc|shift|sjis|ms_kanji|ms932|ms949|mac|korean|ks|"
    rb"dos-874|tis-620|arabic|cyrillic|greek|hebrew|logical|visual|sun_eu)"
)


def request_fields(headers: Headers) -> dict[bytes, list[bytes]]:
    """Collect the request fields that the injector reads, in one pass."""
    if isinstance(headers, Indexed):
        return headers.by_name
    return collect(headers, _REQUEST_NAMES)


def response_fields(headers: Headers) -> dict[bytes, list[bytes]]:
    """Collect the response fields that the injector reads, in one pass."""
    if isinstance(headers, Indexed):
        return headers.by_name
    return collect(headers, _RESPONSE_NAMES)


def collect(headers: Headers, names: frozenset[bytes]) -> dict[bytes, list[bytes]]:
    """Group the values of the wanted fields by lower-case name."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        key = name.lower()
        if key in names:
            fields.setdefault(key, []).append(value.strip())
    return fields


def decline_request(method: str, fields: Fields) -> SkipReason | None:
    """Name the reason why no answer to this request may get the tag, whatever the site; or None."""
    if method not in {"GET", "HEAD"}:
        return SkipReason.METHOD
    if is_piece(fields):
        return SkipReason.PARTIAL_REQUEST
    if not (is_navigation(fields) or is_unlabelled(fields)):
        return SkipReason.NOT_DOCUMENT
    if "no-transform" in directives(fields):
        return SkipReason.NO_TRANSFORM
    return None


def is_navigation(fields: Fields) -> bool:
    """Tell whether the browser itself says that it is loading a document."""
    return _dest(fields) in DOCUMENT_DESTS


def is_unlabelled(fields: Fields) -> bool:
    """Tell whether only the body can show that this is a document.

    No Sec-Fetch-Dest (plain HTTP, older browsers, programs), or a navigation that a service worker
    repeats: its destination is ``empty`` while its mode, which no script may choose, is navigate.
    """
    dest = _dest(fields)
    return not dest or (dest == b"empty" and fields.get(b"sec-fetch-mode") == [b"navigate"])


def is_piece(fields: Fields) -> bool:
    """Tell whether a script wants part of a page.

    Android WebViews put the app's name into X-Requested-With on every navigation; those that also
    say ``Sec-Fetch-Dest: document`` are visits, not pieces.
    """
    for name in _PIECE_HEADERS:
        if name in fields:
            return True
    values = fields.get(b"x-requested-with")
    if not values:
        return False
    return not is_navigation(fields) or values[0].lower() == b"xmlhttprequest"


def decline_status(status: int) -> SkipReason | None:
    """Name the reason why this status gets no tag, or None; error pages count as pages."""
    if status == 304:  # noqa: PLR2004 - HTTP's own numbers
        return SkipReason.NOT_MODIFIED
    if status == 206:  # noqa: PLR2004 - HTTP's own numbers
        return SkipReason.PARTIAL_CONTENT
    if status < 200 or status in {204, 205}:  # noqa: PLR2004 - HTTP's own numbers
        return SkipReason.STATUS
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own numbers
        return SkipReason.REDIRECT
    return None


def decline_response(fields: Fields) -> SkipReason | None:
    """Name the reason why a response of this description may not get the tag, or None."""
    described = describe(fields)
    if described.media_type not in {_HTML, XHTML}:
        return SkipReason.CONTENT_TYPE
    if b"content-disposition" in fields and any(
        _is_attachment(value) for value in fields[b"content-disposition"]
    ):
        return SkipReason.ATTACHMENT
    if "no-transform" in directives(fields):
        return SkipReason.NO_TRANSFORM
    if b"signature-input" in fields:
        return SkipReason.SIGNED
    if _NOT_ASCII.match(described.charset):
        return SkipReason.CHARSET
    if b"integrity-policy" in fields and any(
        b"script" in value.lower() for value in fields[b"integrity-policy"]
    ):
        return SkipReason.INTEGRITY_POLICY
    if fields.get(b"content-length") == [b"0"]:
        return SkipReason.EMPTY
    return None


@dataclass(frozen=True, slots=True)
class ContentType:
    """What Content-Type says: lower case, empty where it says nothing or contradicts itself.

    ``is_charset_named``: browsers take the charset from here, not from ``<meta charset>``.
    """

    media_type: bytes
    charset: bytes
    is_charset_named: bool


def describe(fields: Fields) -> ContentType:
    """Read the response's Content-Type."""
    return _parse_content_type(tuple(fields.get(b"content-type", ())))


@lru_cache(maxsize=512)
def _parse_content_type(values: tuple[bytes, ...]) -> ContentType:
    types = {value.partition(b";")[0].strip().lower() for value in values}
    match = next((match for value in values if (match := _CHARSET.search(value))), None)
    charset = match[1].lower() if match else b""
    return ContentType(
        types.pop() if len(types) == 1 else b"", charset, bool(_KNOWN_CHARSET.match(charset))
    )


def has_policy(fields: Fields) -> bool:
    """Tell whether a response carries any Content Security Policy, be it only reported."""
    return b"content-security-policy" in fields or b"content-security-policy-report-only" in fields


def directives(fields: Fields) -> set[str]:
    """List the names of all Cache-Control directives, lower case."""
    if b"cache-control" not in fields:
        return set()
    text = b",".join(fields[b"cache-control"]).decode("latin-1").lower()
    return {part.partition("=")[0].strip() for part in text.split(",")}


def _dest(fields: Fields) -> bytes:
    values = fields.get(b"sec-fetch-dest")
    return values[0].lower() if values else b""


def _is_attachment(value: bytes) -> bool:
    """Follow RFC 6266: every disposition but ``inline`` is a download; browsers forgive none."""
    kind = value.partition(b";")[0].strip().lower()
    return kind not in {b"", b"inline"} and b"=" not in kind
