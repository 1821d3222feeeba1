"""What the portal counts for Prometheus: requests by what they asked for, and how long they took.

The endpoint's name is counted, never the path: paths hold hosts and slugs.
"""

from time import perf_counter

from flask import Flask, Response, g, request
from prometheus_client import Histogram

from store import tracing

SECONDS = Histogram(
    "statflow_portal_request_seconds",
    "Seconds from a request to its answer, by endpoint and class of status.",
    ["endpoint", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0),
)


def install_metrics(app: Flask) -> None:
    """Time every request."""

    @app.before_request
    def begin() -> None:
        g.began_s = perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        began_s = g.get("began_s")
        if began_s is not None:
            status = f"{response.status_code // 100}xx"
            taken_s = perf_counter() - began_s
            endpoint = request.endpoint or "none"
            SECONDS.labels(endpoint, status).observe(taken_s)
            tracing.record(
                "portal.request",
                taken_s,
                endpoint=endpoint,
                method=request.method if request.method in tracing.METHODS else "other",
                status=response.status_code,
            )
        return response
