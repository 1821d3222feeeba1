"""Ask a part's private socket, as the supervisor of several parts does."""

from pathlib import Path

import aiohttp

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
