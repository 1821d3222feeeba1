"""The edge role: one process with a front, the collector, the buffer and the sites feed.

It only builds the parts, starts them in the order in which they need one another, and stops them in
reverse: first no new connections, then no running requests, then no waiting events. Which front
listens where is ``edge.listeners``; several workers are ``statflow.workers``. The one invariant: a
part that fails at start, other than the listeners, never keeps pages from passing.
"""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path

from edge.buffer.hits import HitStream
from edge.buffer.redis import RedisBuffer
from edge.buffer.spool import Spool
from edge.collector.builds import TrackerBuilds
from edge.collector.client_ip import parse_networks
from edge.collector.collect import Collector
from edge.collector.endpoints import Endpoints
from edge.collector.rate import RateLimits
from edge.collector.relay import Relay
from edge.config import EdgeConfig, EdgeError
from edge.fronts.control import Control
from edge.fronts.operating import Operating
from edge.health_feed import HealthFeed, Speaker
from edge.hits.recorder import HitRecorder
from edge.hits.syslog import SyslogHits
from edge.inject.tag import Tag
from edge.listeners import FrontParts, Listeners
from edge.pictures.desk import PictureDesk
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.pipeline.salts import Salts, keep_expiring, protect_process
from edge.pipeline.salts_file import FileSalts
from edge.pipeline.salts_redis import RedisSalts, find_salt_store_problems
from edge.private import PrivatePort
from edge.request_log import RequestLog
from edge.sites import EMPTY, Site
from edge.sites_feed import SitesFeed
from edge.snippet import Snippets
from edge.traces import both, traced
from edge.upstream_ranges import UpstreamRanges
from rules.ranges import read_ranges

log = logging.getLogger(__name__)

GC_OBJECTS = 20_000
"""New objects before the collector looks for cycles."""


def now_ms() -> int:
    """Read the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def settle_memory() -> None:
    """Leave what a start has made to itself, and look for cycles more rarely.

    Of a request hardly anything is in a cycle; looking after every 700 new objects, as many as a
    few open requests have, was measured to cost a tenth of all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])


async def run_edge(
    config: EdgeConfig, stop: asyncio.Event, hangup: asyncio.Event | None = None
) -> None:
    """Serve until ``stop``, then drain; every time ``hangup`` is set, read everything again.

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
        producer = secrets.token_hex(8)
        buffer = RedisBuffer(config.redis_url, producer=producer, spool=_spool(config, producer))
        await buffer.start()
        stack.push_async_callback(buffer.stop)
        control = Control(feed.current, debug=config.debug)
        pictures = PictureDesk(config.redis_url, buffer.has_room)
        stack.push_async_callback(pictures.close)
        sink = HitStream(config.redis_url, buffer.has_room)
        stack.push_async_callback(sink.close)
        recorder = HitRecorder(sink)
        collector = _build_collector(config, buffer, salts, recorder)
        if config.hits_socket is not None:
            stack.push_async_callback(_hear_nginx(config.hits_socket, feed, recorder).close)
        builds = TrackerBuilds(
            config.tracker,
            cores=config.cores,
            selectors=config.selectors,
            installed_at=config.tracker_at,
            modules=config.modules,
            older_modules=config.older_modules,
        )
        snippets = _snippets(config, builds)
        operating = replace(
            _operating(config, control, _open_request_log(config, stack), snippets),
            pictures=pictures,
        )
        endpoints = Endpoints(builds=builds, collector=collector, on_script=recorder.note_script)
        trusted = parse_networks(config.trusted_proxies)
        listeners = _build_listeners(config, feed, builds, endpoints, recorder, operating)
        speaker = Speaker(producer, config.front, config.version)
        private = PrivatePort(
            lambda: _checks(feed, stop),
            notes=lambda: _notes(feed, buffer, salts),
            relay=Relay(endpoints, feed.current, trusted, now_ms).respond,
        )
        stack.push_async_callback(recorder.record, collector)
        stack.push_async_callback(private.stop)
        stack.push_async_callback(listeners.drain, config.drain_s)
        settle_memory()
        port, _ = await listeners.start(
            config.hosts, config.port, config.tls_port, reuse_port=config.reuse_port
        )
        await _start_private(private, config)
        await stack.enter_async_context(
            _running(
                feed.run(stop),
                keep_expiring(salts, now_ms, stop),
                HealthFeed(config.redis_url, speaker, control).run(stop),
                recorder.run(stop, collector),
                _reload_on(hangup or asyncio.Event(), feed, listeners),
            )
        )
        log.info("edge: serving on %s, port %d", config.bind, port)
        await stop.wait()
        log.info("edge: draining, at most %d s", config.drain_s)


def _hear_nginx(path: Path, feed: SitesFeed, recorder: HitRecorder) -> SyslogHits:
    try:
        return SyslogHits(path, feed.current, recorder.note)
    except OSError as error:
        raise EdgeError(f"cannot listen at {path}: {error.strerror or error}") from None


async def _start_private(private: PrivatePort, config: EdgeConfig) -> None:
    try:
        await private.start(
            host=config.private_bind, port=config.private_port or 0, path=config.private_socket
        )
    except OSError as error:
        raise EdgeError(f"cannot listen: {error.strerror or error}") from None


async def _reload_on(hangup: asyncio.Event, feed: SitesFeed, listeners: Listeners) -> None:
    """Take a changed file and changed certificates at once, instead of within their time."""
    while True:
        await hangup.wait()
        hangup.clear()
        feed.load_file(again=True)
        try:
            await listeners.reload()
        except Exception as error:  # noqa: BLE001 - the rim: the old certificates go on serving.
            log.warning("edge: certificates could not be read again: %s", type(error).__name__)
        log.info("edge: read sites and certificates again")


def _spool(config: EdgeConfig, producer: str) -> Spool | None:
    if config.spool_dir is None or not config.spool_mb:
        return None
    return Spool(config.spool_dir, producer, config.spool_mb * 1024 * 1024)


def _open_request_log(config: EdgeConfig, stack: contextlib.AsyncExitStack) -> RequestLog | None:
    if not config.log_requests:
        return None
    requests = RequestLog().start()
    stack.callback(requests.stop)
    return requests


def _snippets(config: EdgeConfig, builds: TrackerBuilds) -> Snippets | None:
    return Snippets(config.edge_origin, builds.script_hash) if config.edge_origin else None


def _operating(
    config: EdgeConfig, control: Control, requests: RequestLog | None, snippets: Snippets | None
) -> Operating:
    return Operating(
        snippets=snippets,
        acme_dir=config.acme_dir,
        https_port=config.tls_port,
        allowed=UpstreamRanges(config.upstream_ranges),
        on_answered=both(requests, traced(config.trace_ratio) if config.trace_ratio else None),
        proxy_protocol=config.proxy_protocol,
        control=control,
    )


def _build_collector(
    config: EdgeConfig, buffer: RedisBuffer, salts: Salts, recorder: HitRecorder
) -> Collector:
    return Collector(
        buffer=buffer,
        salts=salts,
        geo=Geo(config.geo),
        agents=Agents(),
        limits=RateLimits(config.rate_client, config.rate_site),
        ranges=read_ranges(config.bot_ranges),
        on_confirmed=recorder.note_activated,
        city_k=config.city_k,
    )


def _build_listeners(
    config: EdgeConfig,
    feed: SitesFeed,
    builds: TrackerBuilds,
    endpoints: Endpoints,
    recorder: HitRecorder,
    operating: Operating,
) -> Listeners:
    def tag_for(site: Site) -> Tag:
        return builds.for_site(site).tag

    parts = FrontParts(
        sites=feed.current,
        endpoints=endpoints,
        tag_for=tag_for,
        trusted=parse_networks(config.trusted_proxies),
        on_served=recorder.note,
        operating=operating,
    )
    tls_dir = config.tls_dir if config.tls_port is not None else None
    return Listeners(config.front, parts, tls_dir, http3=config.http3)


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


async def _checks(feed: SitesFeed, stop: asyncio.Event) -> dict[str, str]:
    """Say why this edge should be sent no traffic: it is going down, or it has nothing to serve."""
    return {
        "serving": "going down" if stop.is_set() else "",
        "sites": (feed.problem or "no sites yet") if feed.current() == EMPTY else "",
    }


async def _notes(feed: SitesFeed, buffer: RedisBuffer, salts: Salts) -> dict[str, str]:
    """Say what is wrong while pages pass all the same."""
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
