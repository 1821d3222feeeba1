"""Errors of the store's HTTP face in ClickHouse's form: a code, a name, a text, an HTTP status.

The engine reports errors as text; this module reads the code out of it and knows which HTTP status
a server gives each code. It raises nothing itself. The invariant: every error that leaves the face
carries a ClickHouse code, so a client treats the face and a server alike.
"""

import re
from enum import IntEnum

_CODE = re.compile(r"\bCode:\s*(\d+)")
_PREFIX = re.compile(r"^.*?(?=Code:\s*\d+)", re.DOTALL)


class ErrorCode(IntEnum):
    """The codes that the face gives itself. Source: ClickHouse, ErrorCodes.cpp."""

    UNSUPPORTED_METHOD = 1
    BAD_ARGUMENTS = 36
    UNKNOWN_FORMAT = 73
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_SETTING = 115
    QUERY_IS_TOO_LARGE = 150
    READONLY = 164
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    ABORTED = 236
    HTTP_LENGTH_REQUIRED = 381
    SESSION_IS_LOCKED = 373
    CANNOT_DECOMPRESS = 271
    AUTHENTICATION_FAILED = 516
    STD_EXCEPTION = 1001


# Source: ClickHouse, HTTPHandler's exceptionCodeToHTTPStatus. Anything else is a 500. A full or
# closing face answers 503 where a server answers 500, because clients and proxies retry a 503.
_STATUS: dict[int, int] = {
    401: 401,
    194: 401,
    **dict.fromkeys((192, 193, 516), 403),
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 43, 53, 62, 70, 72, 130, 152, 271, 456, 457), 400),
    **dict.fromkeys((16, 32, 46, 47, 50, 56, 60, 73, 78, 81, 115), 404),
    150: 413,
    48: 501,
    159: 408,
    381: 411,
    202: 503,
    236: 503,
    209: 503,
    439: 503,
}


class FaceError(Exception):
    """A statement or request that failed, with ClickHouse's code and text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = int(code)
        self.message = message

    @property
    def status(self) -> int:
        """HTTP status a ClickHouse server answers for this code."""
        return _STATUS.get(self.code, 500)

    def render(self, version: str) -> str:
        """Text of the answer's body, in the form of a server."""
        text = self.message
        if not text.startswith("Code:"):
            name = ErrorCode(self.code).name if self.code in set(ErrorCode) else "UNKNOWN"
            text = f"Code: {self.code}. DB::Exception: {text}. ({name})"
        return f"{text.rstrip()} (version {version} (embedded))\n"


def read_engine_error(error: BaseException) -> FaceError:
    """Turn what the engine raised into a FaceError.

    The engine wraps its text in prefixes of its Python layer, and where the text holds bytes of a
    broken block its own conversion to str fails; then the cause is the data.
    """
    if isinstance(error, FaceError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return FaceError(ErrorCode.BAD_ARGUMENTS, "Cannot parse the data of the statement")
    text = str(error)
    found = _CODE.search(text)
    if found is None:
        return FaceError(ErrorCode.STD_EXCEPTION, text or type(error).__name__)
    return FaceError(int(found.group(1)), _PREFIX.sub("", text, count=1))
