"""Takes pictures of pages that somebody with a ticket opens, and hands them to the portal.

A front asks ``admit`` about a request and gives ``take`` the document, whole. It is cleaned in a
thread and waits in Redis for the portal, which fetches it with ``read_picture`` and keeps it in its
own database if the person wants that; else it is gone when its time is over. The one invariant: the
page never waits for its picture, and nothing but the cleaned page leaves this process.
"""

import asyncio
import codecs
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zlib import compress, decompress

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from edge.buffer.beside import open_beside
from edge.crash import place_of
from edge.inject.codings import single_coding
from edge.pictures.clean import clean_page
from edge.pictures.tap import Tap
from edge.pictures.ticket import GOOD_FOR_S, NAME, Ticket, read_ticket, take_out
from edge.sites import Site
from edge.wire.fields import Fields, values_of

MOST_KEPT_BYTES = 1024 * 1024
"""Of a cleaned page, compressed."""
_AT_ONCE = 2
_SLOW_S = 2.0
_OK = 200
_PREFIX = "statflow:picture:"
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_LATIN = {"iso8859-1": "cp1252", "ascii": "cp1252"}
"""As browsers read them. Source: WHATWG Encoding, 4.2."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A document as it was served to who had the ticket; ``charset`` as the answer named it."""

    site: Site
    ticket: Ticket
    url: str
    charset: bytes
    body: bytes


class PictureDesk:
    """One process's pictures.

    Args:
        url: The buffer's Redis; empty: there is none, and no ticket is good.
        has_room: Whether Redis has memory to spare.
        now: Unix seconds.
    """

    def __init__(
        self, url: str, has_room: Callable[[], bool], now: Callable[[], float] = time.time
    ) -> None:
        self._redis = (
            Redis.from_url(url, socket_connect_timeout=_SLOW_S, socket_timeout=_SLOW_S)
            if url
            else None
        )
        self._has_room = has_room
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()

    def admit(self, site: Site, target: bytes) -> tuple[bytes, Ticket | None]:
        """Take a ticket out of a request's target; gives what the origin is asked for."""
        if NAME not in target:
            return target, None
        rest, raw = take_out(target)
        return rest, read_ticket(site.id, site.load_key, raw, self._now())

    def take(self, taken: Taken) -> None:
        """Take a document; called from the event loop, returns at once."""
        if self._redis is None or len(self._tasks) >= _AT_ONCE or not self._has_room():
            log.warning("picture: not taken, there is no room")
            return
        task = asyncio.create_task(self._keep(self._redis, taken))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, redis: Redis, taken: Taken) -> None:
        try:
            packed = await asyncio.to_thread(pack, taken)
            if len(packed) > MOST_KEPT_BYTES:
                log.warning("picture: not taken, the page is too large")
                return
            await redis.set(_key(taken.site.id, taken.ticket.nonce), packed, ex=GOOD_FOR_S)
        except (RedisError, OSError) as error:
            log.warning("picture: cannot be handed over (%s)", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the rim: the page was served.
            log.warning("picture: a page could not be cleaned: %s", place_of(error))

    async def close(self) -> None:
        """Finish what is begun, and let the connection go."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SLOW_S)
        if self._redis is not None:
            await self._redis.aclose()


def open_tap(status: int, headers: Fields) -> Tap | None:
    """Begin to copy a document; None where its coding is unknown or it is no page."""
    coding = single_coding(values_of(headers, b"content-encoding"))
    return Tap(coding) if status == _OK and coding is not None else None


def charset_of(headers: Fields) -> bytes:
    """Give the charset that Content-Type names, or nothing."""
    found = _CHARSET.search(b";".join(values_of(headers, b"content-type")))
    return found[1] if found else b""


def pack(taken: Taken) -> bytes:
    """Clean a document and write it as it waits in Redis."""
    html = decode_page(taken.body, taken.charset)
    picture = clean_page(html, taken.url, hides_words=taken.ticket.hides_words)
    found = {"path": urlsplit(taken.url).path or "/", "hosts": picture.hosts, "html": picture.html}
    return compress(orjson.dumps(found), 6)


def decode_page(body: bytes, charset: bytes) -> str:
    """Decode a page as browsers do: its byte order mark, the answer's charset, its own meta."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    found = _CHARSET.search(body[:1024])
    named = charset or (found[1] if found else b"utf-8")
    try:
        name = codecs.lookup(named.decode("ascii")).name
    except LookupError:
        name = "utf-8"
    return body.decode(_LATIN.get(name, name), "replace")


def read_picture(redis_url: str, site_id: int, nonce: str) -> dict[str, Any] | None:
    """Fetch a picture that waits: ``path``, ``hosts``, ``html``; None where there is none.

    Raises:
        BufferAwayError: Redis is away.
    """
    with open_beside(redis_url) as redis:
        packed = redis.get(_key(site_id, nonce))
    if not isinstance(packed, bytes):
        return None
    found: dict[str, Any] = orjson.loads(decompress(packed))
    return found


def forget_picture(redis_url: str, site_id: int, nonce: str) -> None:
    """Let a picture wait no longer.

    Raises:
        BufferAwayError: Redis is away.
    """
    with open_beside(redis_url) as redis:
        redis.delete(_key(site_id, nonce))


def _key(site_id: int, nonce: str) -> str:
    return f"{_PREFIX}{site_id}:{nonce}"
