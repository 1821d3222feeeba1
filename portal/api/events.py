"""``/api/event``, ``/api/send``, ``/api/batch``: events of other trackers, passed to the collector.

What they mean and whose they are is decided there (``edge.collector.foreign_requests``); nothing
is read here, no session and no token. The one invariant: the address that is passed on as the
peer's is the one that connected.
"""

from flask import Blueprint, Response, request

from portal.config import here
from portal.needs import Who, needs

blueprint = Blueprint("events", __name__, url_prefix="/api")

_PASSED_BACK = frozenset({"content-type", "cache-control", "vary", "retry-after", "allow"})
_ACCESS = ("access-control-", "x-plausible-", "x-statflow-")


@blueprint.route("/<any(event, send, batch):name>", methods=["POST", "OPTIONS"])
@needs(Who.ANYBODY)
def take(name: str) -> Response:
    """Pass one request on and its answer back."""
    headers = [(key, value) for key, value in request.headers if key.lower() != "cookie"]
    peer = request.remote_addr or ""
    status, fields, body = here().config.collect(
        request.method, f"/api/{name}", headers, request.get_data(cache=False), peer
    )
    answer = Response(body, status)
    answer.headers.clear()
    for key, value in fields:
        if key.lower() in _PASSED_BACK or key.lower().startswith(_ACCESS):
            answer.headers.add(key, value)
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer
