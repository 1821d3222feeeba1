"""A bare aiohttp handler: it reads a body and answers.

``python -m tests.bench.serve_bare PORT``
"""

import asyncio
import sys

import uvloop
from aiohttp import web


async def serve(port: int) -> None:
    """Serve until killed."""
    runner = web.AppRunner(_bare(), access_log=None)
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


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
