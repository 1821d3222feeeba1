"""What every answer of the portal carries: request id, policy headers, cookie settings.

Authorization is ``portal.teams.rights``; forms are guarded by Flask-WTF. The one invariant: no page
runs or styles anything that is not a file of ours: no inline script, no inline style, no eval.
"""

import secrets
from datetime import timedelta
from typing import Any

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
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
_FRAMES_NOBODY = "frame-ancestors 'none'"
_HSTS = "max-age=31536000"


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
    """Name every request, put the policy headers on every answer, keep cookies off files."""
    app.session_interface = SessionCookie()

    @app.before_request
    def name_request() -> None:
        g.request_id = secrets.token_hex(8)

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


def request_id() -> str:
    """Give the name of this request, as error pages and the log show it."""
    return str(g.get("request_id", "-"))
