"""The API's one error shape: ``{"error": {"code", "message", "field", "allowed"}}``."""

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    500: "internal",
}


def problem(
    status: int,
    code: str,
    message: str,
    *,
    field: str = "",
    allowed: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> ResponseReturnValue:
    """Write one error; ``field`` and ``allowed`` stand only where they say something."""
    error: dict[str, Any] = {"code": code, "message": message}
    if field:
        error["field"] = field
    if allowed:
        error["allowed"] = list(allowed)
    return jsonify(error=error), status, headers or {}


def http_problem(error: HTTPException) -> ResponseReturnValue:
    """Write what Flask itself refused."""
    status = error.code or 500
    return problem(status, _CODES.get(status, "refused"), error.description or error.name)
