"""The edge role: one process with a front, the collector, the buffer and the sites feed.

It only builds the parts, starts them in the order in which they need one another, and stops them in
reverse: first no new connections, then no running requests, then no waiting events. The one
invariant: a part that fails at start, other than the listeners, never keeps pages from passing.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path

from edge.buffer.redis import RedisBuffer
from edge.collector.builds import TrackerBuilds
from edge.collector.client_ip import parse_networks
from edge.collector.collect import Collector
from edge.collector.endpoints import Endpoints
from edge.collector.rate import RateLimits
from edge.fronts.mitm import MitmFront
from edge.inject.tag import Tag
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.pipeline.salts import Salts, keep_expiring, protect_process
from edge.pipeline.salts_file import FileSalts
from edge.pipeline.salts_redis import RedisSalts, find_salt_store_problems
from edge.private import PrivatePort
from edge.sites import Site
from edge.sites_feed import SitesFeed

log = logging.getLogger(__name__)


class EdgeError(Exception):
    """The edge cannot serve; the message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """What an edge needs; ``tracker`` is the frozen build.

    ``salt_url`` empty: the salts live in ``salts_file``, which must lie in memory; without one they
    live in this process alone. ``rate_client`` is events a minute, ``rate_site`` events a second.
    """

    front: str
    bind: str
    port: int
    tls_port: int | None
    tls_dir: Path | None
    sites_file: Path
    redis_url: str
    salt_url: str
    salt_assured: bool
    salts_file: Path | None
    geo: Path | None
    trusted_proxies: str
    rate_client: int
    rate_site: int
    default_site: str
    tracker: bytes
    drain_s: int
    private_port: int | None
    private_socket: Path | None


def now_ms() -> int:
    """Read the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


async def run_edge(config: EdgeConfig, stop: asyncio.Event) -> None:
    """Serve until ``stop``, then drain.

    Raises:
        EdgeError: A port is taken, or a setting cannot be used.
    """
    if config.tls_port is not None and not (config.tls_dir and config.tls_dir.is_dir()):
        raise EdgeError(f"no certificates: {config.tls_dir} is not a folder (--tls-dir)")
    for problem in protect_process():
        log.warning("edge: %s", problem)
    async with contextlib.AsyncExitStack() as stack:
        feed = SitesFeed(config.sites_file, config.redis_url, config.default_site)
        feed.load_file()
        salts = await _open_salts(config, stack)
        buffer = RedisBuffer(config.redis_url, producer=secrets.token_hex(8))
        await buffer.start()
        stack.push_async_callback(buffer.stop)
        front = _build_front(config, feed, buffer, salts)
        private = PrivatePort(lambda: _checks(feed, buffer, salts))
        try:
            await private.start(port=config.private_port or 0, path=config.private_socket)
            stack.push_async_callback(private.stop)
            await front.start(config.bind, config.port)
            stack.push_async_callback(front.drain, config.drain_s)
            if config.tls_port is not None:
                await front.start_tls(config.bind, config.tls_port)
        except OSError as error:
            raise EdgeError(f"cannot listen: {error.strerror or error}") from None
        await stack.enter_async_context(
            _running(feed.run(stop), keep_expiring(salts, now_ms, stop))
        )
        log.info("edge: serving on %s:%d", config.bind, config.port)
        await stop.wait()
        log.info("edge: draining, at most %d s", config.drain_s)


def _build_front(
    config: EdgeConfig, feed: SitesFeed, buffer: RedisBuffer, salts: Salts
) -> MitmFront:
    builds = TrackerBuilds(config.tracker)
    collector = Collector(
        buffer=buffer,
        salts=salts,
        geo=Geo(config.geo),
        agents=Agents(),
        limits=RateLimits(config.rate_client, config.rate_site),
    )

    def tag_for(site: Site) -> Tag:
        return builds.for_site(site).tag

    return MitmFront(
        sites=feed.current,
        endpoints=Endpoints(builds=builds, collector=collector),
        tag_for=tag_for,
        trusted=parse_networks(config.trusted_proxies),
        on_served=None,
        tls_dir=config.tls_dir if config.tls_port is not None else None,
    )


async def _open_salts(config: EdgeConfig, stack: contextlib.AsyncExitStack) -> Salts:
    if config.salt_url:
        remote = RedisSalts(config.salt_url)
        await remote.start()
        stack.push_async_callback(remote.stop)
        await _check_salt_store(config)
        return remote
    path = config.salts_file or Path(f"/proc/self/fd/{os.memfd_create('salts')}")
    salts = FileSalts(path)
    stack.callback(salts.close)
    return salts


async def _check_salt_store(config: EdgeConfig) -> None:
    """Say loudly what may write a salt to a disk; where it cannot be checked, it must be asserted.

    Raises:
        EdgeError: The salt store writes, or may, and nobody asserted that it does not.
    """
    problems = await find_salt_store_problems(config.salt_url)
    if problems and not config.salt_assured:
        raise EdgeError(
            f"the salt store may write salts to a disk: {'; '.join(problems)}. "
            "Mend that, or assert with STATFLOW_SALT_ASSURED=1 that it does not."
        )
    for problem in problems:
        log.warning("salts: %s (asserted to be harmless)", problem)


async def _checks(feed: SitesFeed, buffer: RedisBuffer, salts: Salts) -> dict[str, str]:
    said = {"sites": feed.problem, "buffer": buffer.check()}
    if isinstance(salts, RedisSalts):
        said["salts"] = salts.problem()
    return said


@contextlib.asynccontextmanager
async def _running(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
