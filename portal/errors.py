"""Error pages: what happened, what to do, and the name of the request in the log.

The API's errors are JSON (``portal.api.errors``). A card's own trouble with the store is the card's
(``portal.dashboard.views``). The one invariant: an answer never shows what an exception said.
"""

import logging

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError

from portal.api.errors import http_problem, problem
from portal.config import here
from portal.database import ReadOnlyError
from portal.language import N_
from portal.security import MisdirectedError, request_id

log = logging.getLogger(__name__)

_READERS = ("/share/", "/public/", "/embed/")
"""Where people without an account read: an error there sets no cookie either."""
_HARMLESS = frozenset({"accounts.theme", "sharing.shared"})
"""Forms that only set a cookie."""
TITLES = {
    400: (N_("That did not go through"), N_("Go back, reload the page and try once more.")),
    403: (
        N_("You have no right to do this"),
        N_("An owner or admin of the team can give it to you."),
    ),
    404: (
        N_("There is nothing here"),
        N_("The page does not exist, or it belongs to a team you are not in."),
    ),
    405: (N_("That did not go through"), N_("The page cannot be used in this way.")),
    413: (N_("That is too large"), N_("Send less at a time.")),
    421: (
        N_("The portal has another address"),
        N_("Open it at the address that its operator gave it (STATFLOW_PUBLIC_URL)."),
    ),
    429: (N_("Too many requests"), N_("Wait a little, then try again.")),
    503: (
        N_("This portal only shows"),
        N_("Nothing can be changed here, and nobody signs in. Use the main portal for that."),
    ),
    500: (
        N_("Something went wrong on our side"),
        N_("Try again. If it stays, tell your operator the request id below."),
    ),
}


def install_errors(app: Flask) -> None:
    """Answer every error with a page, or with JSON below ``/api/``."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ReadOnlyError, _read_only)
    app.register_error_handler(Exception, _crash)

    @app.before_request
    def refuse_changes() -> None:
        """Refuse what may change something, wherever it would; questions change nothing."""
        if here().database.read_only and not is_question(request.method, request.endpoint):
            raise ReadOnlyError


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        return http_problem(error)
    if error.response is not None:
        return error.response
    code = error.code or 500
    title, advice = TITLES.get(code, (error.name, "Go back and try once more."))
    page = render_template(
        "error.html",
        title=title,
        advice=advice,
        request_id=request_id(),
        reader=request.path.startswith(_READERS) or code == MisdirectedError.code,
    )
    return page, code


def is_question(method: str, endpoint: str | None) -> bool:
    """Tell whether a request changes nothing, by the route that it goes to (None: to none)."""
    if method in {"GET", "HEAD", "OPTIONS"} or endpoint is None:
        return True
    return endpoint.startswith("api.") or endpoint in _HARMLESS


def _read_only(_: ReadOnlyError) -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        return problem(503, "read_only", "This portal only reads. Send changes to the main one.")
    title, advice = TITLES[503]
    reader = request.path.startswith(_READERS)
    page = render_template(
        "error.html", title=title, advice=advice, request_id=request_id(), reader=reader
    )
    return page, 503


def _crash(error: Exception) -> ResponseReturnValue:
    log.error("request %s failed", request_id(), exc_info=error)
    return _http_error(InternalServerError())
