"""The forwarder role: settings and paths into a ForwarderConfig, with its private port."""

import asyncio
import contextlib
import logging
import secrets
from pathlib import Path

from edge.buffer.accounts import AccountKeeper
from edge.forwarder.hits import HitForwarder
from edge.forwarder.run import Forwarder, ForwarderConfig
from edge.private import PrivatePort
from edge.sites import SHARDS
from statflow.paths import Paths
from statflow.rolling_up import roll_up
from statflow.services import ServiceError, redis_url, store_url
from statflow.settings import Settings
from store.client import Store, StoreUnavailable
from store.migrate import require_tables

ASK_AGAIN_S = 0.5
log = logging.getLogger(__name__)


def forwarder_config(settings: Settings, paths: Paths, shards: str) -> ForwarderConfig:
    """Build the forwarder's configuration.

    The embedded forwarder is the only one of its data folder and keeps its name, so that a new one
    need not wait for the lease of one that was killed; others are named at random.

    Raises:
        ServiceError: The shards are not a range, or there is no store.
    """
    is_embedded = not settings.redis_url
    return ForwarderConfig(
        redis_url=redis_url(settings, paths),
        store=Store(store_url(settings, paths)),
        shards=parse_shards(shards),
        owner=f"up-{paths.key}" if is_embedded else secrets.token_hex(8),
    )


def parse_shards(text: str) -> range:
    """Read ``A-B``, both included.

    Raises:
        ServiceError: It is not a range of existing shards.
    """
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last) < SHARDS):
        raise ServiceError(f"--shards {text!r}: expected A-B within 0-{SHARDS - 1}")
    return range(int(first), int(last) + 1)


async def serve_forwarder(
    config: ForwarderConfig,
    stop: asyncio.Event,
    *,
    bind: str = "127.0.0.1",
    port: int | None,
    path: Path | None,
) -> None:
    """Forward until stopped, and answer on the private port.

    Nothing is forwarded before the store has answered and its tables are those of this release.

    Raises:
        MigrationError: They are another's.
    """
    forwarder = Forwarder(config)
    met = False

    async def check() -> dict[str, str]:
        return {"store": "" if met else "has not answered yet", **forwarder.check()}

    def owns(shard: int) -> bool:
        return forwarder.states[shard].is_ours

    keeper = AccountKeeper(config.redis_url, config.shards, owns)
    hits = HitForwarder(config.redis_url, config.store, config.shards, owns)
    forwarder.before_leaving.append(hits.settle)
    private = PrivatePort(check)
    await private.start(host=bind, port=port or 0, path=path)
    try:
        await meet_store(config.store, stop)
        met = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keeper.run(stop))
            tasks.create_task(hits.run(stop))
            tasks.create_task(forwarder.run(stop))
            if 0 in config.shards:
                tasks.create_task(roll_up(config.store, stop))
    finally:
        await private.stop()


async def meet_store(store: Store, stop: asyncio.Event) -> None:
    """Wait until the store answers, or until stopped; refuse one of another release.

    Raises:
        MigrationError: Its tables are older, newer, or not there.
    """
    said = False
    while not stop.is_set():
        try:
            await asyncio.to_thread(require_tables, store)
        except StoreUnavailable:
            if not said:
                log.warning("the store does not answer; forwarding begins when it does")
            said = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ASK_AGAIN_S)
        else:
            return
