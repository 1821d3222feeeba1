"""What every answer of the portal carries: request id, policy headers, cookie settings.

Authorization is ``portal.teams.rights``; forms are guarded by Flask-WTF. The one invariant: no page
runs or styles anything that is not a file of ours: no inline script, no inline style, no eval.
"""

import logging
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from portal.config import here

log = logging.getLogger(__name__)

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
POLICY = "; ".join(f"{name} {sources}" for name, sources in _POLICY.items())
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_ASKED_BY_ANY_NAME = frozenset({"health.healthz", "health.readyz"})
_REFUSALS = frozenset({400, 401, 403, 404, 413, 421, 429})
_FRAMES_NOBODY = "frame-ancestors 'none'"
_HSTS = "max-age=31536000"
_MOST = 2**31 - 1


class RowNumber(IntegerConverter):
    """``<int:…>`` in addresses: what no column of the database holds is no address of ours."""

    def __init__(self, map: Map, fixed_digits: int = 0, min: int = 0, max: int = _MOST) -> None:  # noqa: A002 - werkzeug's names
        super().__init__(map, fixed_digits, min, max)


class MisdirectedError(HTTPException):
    """The portal was asked for under a name that is not its own."""

    code = 421
    description = "This is not a name of the portal."


def session_settings(*, https: bool) -> dict[str, Any]:
    """Write Flask's settings for the session cookie and for forms."""
    return {
        "SESSION_COOKIE_NAME": "__Host-statflow" if https else "statflow",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=30),
        "WTF_CSRF_TIME_LIMIT": None,  # A form left open overnight is not lost.
        "MAX_CONTENT_LENGTH": 256 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
    }


class SessionCookie(SecureCookieSessionInterface):
    """Flask's session in a signed cookie, which files do not carry.

    They may be kept by shared caches, and one that arrives late must not bring back the cookie of
    before a sign-in.
    """

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Tell whether an answer carries the cookie."""
        return request.endpoint != "static" and super().should_set_cookie(app, session)


def frame_policy(origins: list[str]) -> str:
    """Write the policy of a page that only those origins may frame."""
    return POLICY.replace(_FRAMES_NOBODY, f"frame-ancestors {' '.join(origins)}")


def install_headers(app: Flask, *, https: bool) -> None:
    """Name every request, refuse what is none of ours, put the policy headers on every answer."""
    app.session_interface = SessionCookie()
    app.url_map.converters["int"] = RowNumber
    app.before_request(_name_request)
    app.before_request(_refuse_other_hosts)
    app.before_request(_refuse_files)
    app.before_request(_refuse_nul)
    app.after_request(_log_refusal)

    @app.after_request
    def put_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if _FRAMES_NOBODY not in response.headers["Content-Security-Policy"]:
            del response.headers["X-Frame-Options"]  # It knows no list of origins.
        if https:
            response.headers.setdefault("Strict-Transport-Security", _HSTS)
        response.headers["X-Request-Id"] = request_id()
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _name_request() -> None:
    g.request_id = secrets.token_hex(8)


def _refuse_other_hosts() -> None:
    """Answer under our own names only; whether we live is anybody's to ask, by any name."""
    hosts = here().config.trusted_hosts
    if not hosts or request.endpoint in _ASKED_BY_ANY_NAME:
        return
    if _named_by(request.headers.get("Host", "")) not in hosts:
        raise MisdirectedError


def _named_by(authority: str) -> str | None:
    """Give the host of an authority, without its port."""
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None


_TAKE_FILES = frozenset({"imports.add"})


def _refuse_files() -> None:
    """Only one form of ours takes a file, and no field of others is to be given one."""
    if request.endpoint not in _TAKE_FILES and request.files:
        abort(400)


def _refuse_nul() -> None:
    """Refuse a character that PostgreSQL keeps in no text, and nobody types."""
    typed = (*request.args.items(multi=True), *request.form.items(multi=True))
    if "\x00" in request.path or any("\x00" in name + value for name, value in typed):
        abort(400)


def _log_refusal(response: Response) -> Response:
    """Note what was refused, by route and request id: no address, no name, no path."""
    if response.status_code in _REFUSALS:
        values = (request_id(), request.method, request.endpoint or "-", response.status_code)
        log.info("request %s: %s %s was refused with %d", *values)
    return response


def request_id() -> str:
    """Give the name of this request, as error pages and the log show it."""
    return str(g.get("request_id", "-"))
