"""Counts of tries that all portals share, in the buffer Redis (docs/adr/0049).

What is counted is the portal's business, and so is what to do while Redis is away. The one
invariant: a key says nothing of whose it is: it is an HMAC, and goes once its bucket is full again.
"""

import hmac
import logging
import time

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from edge.buffer.scripts import load_script

PREFIX = "statflow:tries:"
PATIENCE_S = 0.5
AWAY_S = 5.0
"""How long a Redis that did not answer is not asked again, so that pages do not wait for it."""
_TAKE = load_script("try").source
log = logging.getLogger(__name__)


class SharedTries:
    """Token buckets in Redis; connects at the first try."""

    def __init__(self, redis_url: str, secret: str) -> None:
        self._secret = hmac.digest(secret.encode(), b"tries", "sha256")
        self._redis: Redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=PATIENCE_S,
            socket_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._take = self._redis.register_script(_TAKE)
        self._away_until_s = 0.0

    def __call__(self, key: str, burst: int, per_s: float) -> int | None:
        """Take one; 0 if it was there, else the seconds until one will be; None: Redis is away."""
        if time.monotonic() < self._away_until_s:
            return None
        try:
            return int(self._take(keys=[self._named(key)], args=[burst, per_s]))
        except (RedisError, OSError) as error:
            self._away_until_s = time.monotonic() + AWAY_S
            log.warning("tries are counted here alone: Redis is away (%s)", type(error).__name__)
            return None

    def _named(self, key: str) -> str:
        return PREFIX + hmac.digest(self._secret, key.encode(), "sha256").hex()[:32]

    def close(self) -> None:
        """Let the connections go."""
        self._redis.close()
