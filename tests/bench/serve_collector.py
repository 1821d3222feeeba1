"""The collector as an aiohttp application, or the bare handler that it is compared with.

``python -m tests.bench.serve_collector collector|bare PORT REDIS_URL``
"""

import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from edge.app import settle_memory
from edge.buffer.redis import RedisBuffer
from edge.collector.app import build_server
from edge.collector.builds import TrackerBuilds
from edge.collector.client_ip import parse_networks
from edge.collector.collect import Collector
from edge.collector.endpoints import Endpoints
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.pipeline.salts_file import FileSalts
from edge.sites import Origin, Site, Snapshot
from tracker import newest_build

HOST = "bench.localhost"


async def serve(kind: str, port: int, redis_url: str) -> None:
    """Serve until killed."""
    runner: web.BaseRunner[Any]
    if kind == "bare":
        runner = web.AppRunner(_bare(), access_log=None)
    else:
        runner = web.ServerRunner(await _collector(redis_url), access_log=None)
        settle_memory()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def _bare() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def _collector(redis_url: str) -> web.Server:
    buffer = RedisBuffer(redis_url, producer=secrets.token_hex(8))
    await buffer.start()
    salts = FileSalts(Path(f"/proc/self/fd/{os.memfd_create('salts')}"))
    collector = Collector(buffer=buffer, salts=salts, geo=Geo(), agents=Agents())
    builds = TrackerBuilds(newest_build().read_bytes())
    snapshot = Snapshot(1, (Site(1, HOST, (Origin("http", "127.0.0.1", 1),), "stk"),))
    endpoints = Endpoints(builds=builds, collector=collector)
    return build_server(endpoints, lambda: snapshot, parse_networks("loopback"))


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
