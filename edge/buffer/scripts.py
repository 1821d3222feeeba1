"""The Lua scripts of the buffer, by name, and how to run one.

A script is the unit of atomicity: what it changes is in the append-only file whole or not at all.
The one invariant: a script may be sent again with the same arguments after an unknown outcome.
"""

from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest by which Redis knows it."""

    source: str
    digest: str


def load_script(name: str) -> Script:
    """Read ``<name>.lua`` beside this module."""
    source = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


APPEND = load_script("append")
DRAIN = load_script("drain")
LEASE = load_script("lease")
PLAN = load_script("plan")
COMMIT = load_script("commit")
DEADLETTER = load_script("deadletter")
RESTORE = load_script("restore")


def connect(url: str, *, timeout_s: float) -> Redis:
    """Make a client that repeats no command by itself: repeating is our protocol's business."""
    redis: Redis = Redis.from_url(
        url,
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    for name in ("XRANGE", "XREAD"):
        redis.set_response_callback(name, cast("Any", _as_it_is))
    return redis


def _as_it_is(answer: Any, **_options: Any) -> Any:
    """Leave entries as the protocol has them: making a dict of each costs more than reading it."""
    return answer


async def send_command(redis: Redis, *words: Any) -> Any:
    """Send one command as it is."""
    return await redis.execute_command(*words)  # type: ignore[no-untyped-call]


async def run_script(redis: Redis, script: Script, keys: list[str], args: list[Any]) -> Any:
    """Run a script, teaching it to a Redis that was restarted since."""
    try:
        return await send_command(redis, "EVALSHA", script.digest, len(keys), *keys, *args)
    except NoScriptError:
        return await send_command(redis, "EVAL", script.source, len(keys), *keys, *args)
