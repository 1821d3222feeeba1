"""A connection to the buffer for commands that work beside a running installation.

It blocks and asks nothing twice. The one invariant: a Redis that is away ends in one exception
whose message is a sentence for the person who gave the command.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from edge.buffer.opening import open_sync

PATIENCE_S = 5.0


class BufferAwayError(Exception):
    """Redis does not answer; the message says so to a person."""


class BufferRefusesError(BufferAwayError):
    """Redis answers, and does not take our user or password."""


@contextmanager
def open_beside(redis_url: str) -> Iterator[Redis]:
    """Open a connection for a block.

    Raises:
        BufferAwayError: Redis is away. What the block had done until then is done.
        BufferRefusesError: It does not take our user or password.
    """
    redis: Redis | None = None
    try:
        redis = open_sync(redis_url, timeout_s=PATIENCE_S)
        yield redis
    except AuthenticationError as error:
        said = "Redis refuses us: are user and password in STATFLOW_REDIS_URL those it has?"
        raise BufferRefusesError(said) from error
    except (RedisError, OSError) as error:
        raise BufferAwayError(_sentence(redis_url, error)) from error
    finally:
        if redis is not None:
            redis.close()


def _sentence(redis_url: str, error: Exception) -> str:
    away = f"Redis does not answer ({type(error).__name__})"
    if redis_url.startswith("unix:"):
        return f"{away}; is `statflow up` running?"
    return f"{away}; does the one of STATFLOW_REDIS_URL run, and is it reached from here?"
