"""Open the buffer by its address: one Redis, the master that Sentinels name, or a cluster.

``redis://``, ``rediss://``, ``unix://``     one Redis
``redis+sentinel://HOST:PORT,…/NAME[/DB]``   whoever is master of NAME now, by these Sentinels
``redis+cluster://HOST:PORT,…``              a cluster; these nodes tell of the others

``rediss+…`` speaks TLS to the data nodes (and to Sentinels); ``USER:PASSWORD@`` stands before the
first host and is for the data nodes, ``?sentinel_password=…`` for Sentinels, and ``?replicas=N``
says how many replicas must have a write before it counts as done (``edge.buffer.scripts``). No
client repeats a command by itself: what may be repeated is decided by our own protocol. The one
invariant: all keys that one command or transaction of ours touches lie in one slot
(``edge.buffer.keys``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode as SyncClusterNode
from redis.cluster import RedisCluster as SyncRedisCluster
from redis.retry import Retry as SyncRetry
from redis.sentinel import Sentinel as SyncSentinel

SENTINEL_PORT, CLUSTER_PORT = 26_379, 6_379
_KINDS = ("sentinel", "cluster")
_PRIMARIES = SyncRedisCluster.PRIMARIES


class AddressError(ValueError):
    """It is no address of a Redis; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address, read. ``service`` and ``replicas`` are of Sentinels alone."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    service: str
    options: Mapping[str, Any]
    sentinel_options: Mapping[str, Any]
    replicas: int = 0


def is_cluster(url: str) -> bool:
    """Tell whether an address is a cluster's."""
    return urlsplit(url).scheme.partition("+")[2] == "cluster"


def parse_address(url: str) -> Address:
    """Read an address of Sentinels or of a cluster.

    Raises:
        AddressError: It is none.
    """
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in {"redis", "rediss"} or kind not in _KINDS:
        raise AddressError("expected redis+sentinel://… or redis+cluster://…")
    login, _, places = parts.netloc.rpartition("@")
    default_port = SENTINEL_PORT if kind == "sentinel" else CLUSTER_PORT
    hosts = tuple(_host(place, default_port) for place in places.split(","))
    names = [name for name in parts.path.split("/") if name]
    if kind == "sentinel" and not 1 <= len(names) <= 2:  # noqa: PLR2004 - the name, and a number
        raise AddressError("redis+sentinel:// needs the master's name: …/NAME")
    if kind == "cluster" and names:
        raise AddressError("a cluster has no databases: nothing may follow its hosts")
    query = dict(parse_qsl(parts.query))
    sentinel_password = query.pop("sentinel_password", None)
    replicas = _number(query.pop("replicas", "0"))
    if kind == "cluster" and (replicas or sentinel_password):
        raise AddressError("replicas and sentinel_password are of redis+sentinel://")
    if query:
        raise AddressError(f"unknown options: {', '.join(query)}")
    user, _, password = login.partition(":")
    tls = {"ssl": True} if scheme == "rediss" else {}
    options: dict[str, Any] = {**tls}
    options |= {"username": unquote(user)} if user else {}
    options |= {"password": unquote(password)} if password else {}
    if len(names) > 1:
        options["db"] = _number(names[1])
    of_sentinels = tls | ({"password": sentinel_password} if sentinel_password else {})
    return Address(kind, hosts, names[0] if names else "", options, of_sentinels, replicas)


def _host(place: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0:
        raise AddressError(f"{place!r} is no host and port")
    return parts.hostname, port or default_port


def _number(text: str) -> int:
    if not text.isdecimal():
        raise AddressError(f"{text!r} is no number")
    return int(text)


class AssuredRedis(Redis):
    """A master whose writes count as done only once so many replicas have them."""

    assured_by = 0


class _Pool(SentinelConnectionPool):
    """Lets the connections to Sentinels go with those to the master."""

    async def disconnect(self, *args: Any, **kwargs: Any) -> None:
        """Close all of them; they open again when they are needed."""
        await super().disconnect(*args, **kwargs)
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()


def open_async(url: str, *, timeout_s: float, **options: Any) -> Redis:
    """Open a client for asyncio.

    Raises:
        AddressError: The address is none.
    """
    waits = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    given: dict[str, Any] = {"protocol": 2, **waits, **options}
    if "+" not in urlsplit(url).scheme:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **given)
    address = parse_address(url)
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        once_more = Retry(NoBackoff(), 1)  # A slot that moved is asked for where it is.
        cluster = RedisCluster(startup_nodes=nodes, retry=once_more, **address.options, **given)
        return cast("Redis", cluster)
    asking = {**address.sentinel_options, **waits}
    sentinel = Sentinel(list(address.hosts), sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    given |= {"retry": Retry(NoBackoff(), 0), **address.options}
    master: AssuredRedis = sentinel.master_for(
        address.service, redis_class=AssuredRedis, connection_pool_class=_Pool, **given
    )
    master.assured_by = address.replicas
    return master


def open_sync(url: str, *, timeout_s: float, connect_timeout_s: float | None = None) -> SyncRedis:
    """Open a client that blocks.

    Raises:
        AddressError: The address is none.
    """
    waits = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s if connect_timeout_s is None else connect_timeout_s,
    }
    if "+" not in urlsplit(url).scheme:
        return SyncRedis.from_url(url, **waits)
    address = parse_address(url)
    given: dict[str, Any] = {**waits, **address.options}
    if address.kind == "cluster":
        nodes = [SyncClusterNode(*place) for place in address.hosts]  # type: ignore[no-untyped-call]
        retry = SyncRetry(NoBackoff(), 1)
        return cast("SyncRedis", SyncRedisCluster(startup_nodes=nodes, retry=retry, **given))
    asking = {**address.sentinel_options, **waits}
    sentinel = SyncSentinel(list(address.hosts), sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    master: SyncRedis = sentinel.master_for(address.service, **given)  # type: ignore[no-untyped-call]
    return master


def as_cluster(redis: object) -> RedisCluster | None:
    """Give a client as that of a cluster, if it is one."""
    return redis if isinstance(redis, RedisCluster) else None


def _nodes(redis: object) -> SyncRedisCluster | None:
    return redis if isinstance(redis, SyncRedisCluster) else None


def time_ms(redis: SyncRedis) -> int:
    """Tell the time by the clock of Redis; of a cluster, by that of the node furthest ahead.

    Raises:
        RedisError: Redis is away.
    """
    cluster = _nodes(redis)
    told: Any = cluster.time(target_nodes=_PRIMARIES) if cluster else redis.time()
    times = told.values() if cluster else [told]
    return max(int(seconds) * 1000 + int(micros) // 1000 for seconds, micros in times)


def infos(redis: SyncRedis, section: str) -> list[dict[str, Any]]:
    """Ask a Redis, or each primary of a cluster, about itself.

    Raises:
        RedisError: Redis is away.
    """
    cluster = _nodes(redis)
    found: Any = cluster.info(section, target_nodes=_PRIMARIES) if cluster else redis.info(section)
    return list(found.values()) if cluster else [found]
