"""The Lua scripts of the buffer, by name, and how to run one.

A script is the unit of atomicity: what it changes is in the append-only file whole or not at all.
The one invariant: a script may be sent again with the same arguments after an unknown outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from edge.buffer.opening import AssuredRedis, as_cluster, open_async

_FOLDER = Path(__file__).parent
WAIT_MS = 1_000
"""How long replicas may take to have a write; less than any attempt's time-out."""


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
FORWARDERS = load_script("forwarders")
PLAN = load_script("plan")
COMMIT = load_script("commit")
DEADLETTER = load_script("deadletter")
RESTORE = load_script("restore")


def connect(url: str, *, timeout_s: float) -> Redis:
    """Make a client that repeats no command by itself: repeating is our protocol's business."""
    redis = open_async(url, timeout_s=timeout_s)
    for name in ("XRANGE", "XREAD"):
        redis.set_response_callback(name, cast("Any", _as_it_is))
    return redis


def _as_it_is(answer: Any, **_options: Any) -> Any:
    """Leave entries as the protocol has them: making a dict of each costs more than reading it."""
    return answer


async def send_command(redis: Redis, *words: Any) -> Any:
    """Send one command as it is."""
    return await redis.execute_command(*words)  # type: ignore[no-untyped-call]


async def send_commands(redis: Redis, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Send commands at once and give their answers; an error that is an answer is given as one.

    By a connection of the pool, for a pipeline makes twice the work of it; in a cluster, whose
    commands go to several nodes, by a pipeline.

    Raises:
        RedisError: The answers did not come.
    """
    if not commands:
        return []
    if as_cluster(redis) is not None:
        async with redis.pipeline(transaction=False) as pipe:
            for words in commands:
                pipe.execute_command(*words)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers
    pool: Any = redis.connection_pool
    connection = await pool.get_connection()
    try:
        packed = connection.pack_commands(commands)
        await connection.send_packed_command(packed, check_health=False)
        return [await _read_answer(connection) for _ in commands]
    finally:
        await pool.release(connection)


async def _read_answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


class TooFewReplicasError(RedisError):
    """Too few replicas have a write; whether it will survive a failover is unknown."""


def wait_words(redis: Redis) -> tuple[Any, ...]:
    """Write the command that waits for the replicas that must have a write; empty for none.

    It has to go over the connection that wrote, as the last of its pipeline.
    """
    needed = redis.assured_by if isinstance(redis, AssuredRedis) else 0
    return ("WAIT", needed, WAIT_MS) if needed else ()


def check_held(words: tuple[Any, ...], held: Any) -> None:
    """Read the answer to ``wait_words``.

    Raises:
        TooFewReplicasError: Fewer replicas than needed have what was written before.
    """
    if isinstance(held, Exception) or int(held) < words[1]:
        raise TooFewReplicasError(f"{held} of {words[1]} replicas have it")


async def run_script(redis: Redis, script: Script, keys: list[str], args: list[Any]) -> Any:
    """Run a script, teaching it to a Redis that was restarted since.

    Raises:
        RedisError: Outcome unknown, or too few replicas have it.
    """
    if waiting := wait_words(redis):
        return await _run_assured(redis, script, [len(keys), *keys, *args], waiting)
    try:
        return await send_command(redis, "EVALSHA", script.digest, len(keys), *keys, *args)
    except NoScriptError:
        return await send_command(redis, "EVAL", script.source, len(keys), *keys, *args)


async def _run_assured(
    redis: Redis, script: Script, words: list[Any], waiting: tuple[Any, ...]
) -> Any:
    """Run a script and wait for replicas, over one connection."""
    for name, what in (("EVALSHA", script.digest), ("EVAL", script.source)):
        async with redis.pipeline(transaction=False) as pipe:
            pipe.execute_command(name, what, *words)
            pipe.execute_command(*waiting)
            answer, held = await pipe.execute(raise_on_error=False)
        if not isinstance(answer, NoScriptError):
            break
    if isinstance(answer, Exception):
        raise answer
    check_held(waiting, held)
    return answer
