"""Ask a part's private socket, as the supervisor of several parts does."""

from pathlib import Path

import aiohttp

from edge.collector.messages import EndpointResponse, Headers

_OF_A_CONNECTION = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding"})
_PATIENCE = aiohttp.ClientTimeout(total=3)


async def fetch_private(socket: Path, path: str) -> tuple[int, bytes]:
    """Ask a part's private socket; (0, b"") when it does not answer."""
    connector = aiohttp.UnixConnector(str(socket))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session,
            session.get(f"http://private{path}") as answer,
        ):
            return answer.status, await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return 0, b""


async def send_private(
    socket: Path, method: str, path: str, headers: Headers, body: bytes
) -> EndpointResponse | None:
    """Pass a request to a part's private socket; None when it does not answer."""
    connector = aiohttp.UnixConnector(str(socket))
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name.lower() not in _OF_A_CONNECTION
    ]
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session,
            session.request(method, f"http://private{path}", headers=passed, data=body) as answer,
        ):
            return EndpointResponse(answer.status, answer.raw_headers, await answer.read())
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
