"""The private port of a part: ``/healthz``, ``/readyz`` and ``/metrics``, apart from sites.

``/healthz`` says that the process answers; ``/readyz`` says whether it should be sent traffic, with
one line for each check; ``/metrics`` is the Prometheus text of this process. What is wrong behind
the edge is no reason to take its pages away: that is a note, which ``/readyz`` shows.

Where the part has a collector, ``/api/event``, ``/api/send`` and ``/api/batch`` take what the
portal passes on of other trackers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from edge.collector.messages import MAX_BODY_BYTES, EndpointResponse, Headers
from edge.names import Api

type Metrics = Callable[[], Awaitable[bytes]]
type Checks = Callable[[], Awaitable[dict[str, str]]]
"""Asks every check; the answer maps its name to what is wrong, or to the empty string."""
type Respond = Callable[[str, Api, Headers, bytes], Awaitable[EndpointResponse]]
"""Answers a request that was passed on: method, which API, headers, body."""


class PrivatePort:
    """Serve one part's private endpoints on loopback TCP or on a unix socket."""

    def __init__(
        self,
        checks: Checks,
        metrics: Metrics | None = None,
        notes: Checks | None = None,
        relay: Respond | None = None,
    ) -> None:
        self._checks = checks
        self._relay = relay
        self._notes = notes or _no_notes
        self._metrics = metrics or _own_metrics
        self._runner: web.AppRunner | None = None

    async def start(
        self, *, host: str = "127.0.0.1", port: int = 0, path: Path | None = None
    ) -> None:
        """Listen on ``path`` if given, else on ``host:port``.

        Raises:
            OSError: The address is taken or not ours to use.
        """
        # One byte more than is taken, so that the collector says itself what is too large.
        app = web.Application(client_max_size=MAX_BODY_BYTES + 2)
        if self._relay is not None:
            for api in Api:
                app.router.add_route("*", f"/{api}", partial(self._respond, self._relay, api))
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._render_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        if path is not None:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            await web.UnixSite(self._runner, str(path)).start()
        else:
            await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _request: web.Request) -> web.Response:
        problems = await self._checks()
        ready = not any(problems.values())
        notes = await self._notes()
        said = {name: problems.get(name) or notes.get(name) for name in {**problems, **notes}}
        body = {"ready": ready, "checks": {name: why or "ok" for name, why in said.items()}}
        return web.json_response(body, status=200 if ready else 503)

    async def _respond(self, relay: Respond, api: Api, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            body = b" " * (MAX_BODY_BYTES + 1)
        answer = await relay(request.method, api, request.raw_headers, body)
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
        ]
        return web.Response(status=answer.status, body=answer.body, headers=pairs)

    async def _render_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=await self._metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


async def _no_notes() -> dict[str, str]:
    return {}


async def _own_metrics() -> bytes:
    return generate_latest()
