"""The private port of a part: ``/healthz``, ``/readyz`` and ``/metrics``, apart from sites.

``/healthz`` says that the process answers; ``/readyz`` says whether it should be sent traffic, with
one line for each check; ``/metrics`` is the Prometheus text of this process. What is wrong behind
the edge is no reason to take its pages away: that is a note, which ``/readyz`` shows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

type Metrics = Callable[[], Awaitable[bytes]]
type Checks = Callable[[], Awaitable[dict[str, str]]]
"""Asks every check; the answer maps its name to what is wrong, or to the empty string."""


class PrivatePort:
    """Serve one part's private endpoints on loopback TCP or on a unix socket."""

    def __init__(
        self, checks: Checks, metrics: Metrics | None = None, notes: Checks | None = None
    ) -> None:
        self._checks = checks
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
        app = web.Application()
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

    async def _render_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=await self._metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


async def _no_notes() -> dict[str, str]:
    return {}


async def _own_metrics() -> bytes:
    return generate_latest()
