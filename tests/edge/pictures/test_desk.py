"""Pictures on their way to the portal, through a real Redis."""

import asyncio
from collections.abc import Iterator
from zlib import decompress

import orjson
import pytest

from edge.buffer.beside import BufferAwayError
from edge.pictures import desk
from edge.pictures.desk import (
    PictureDesk,
    Taken,
    charset_of,
    decode_page,
    forget_picture,
    open_tap,
    pack,
    read_picture,
)
from edge.pictures.ticket import Ticket, write_ticket
from tests.support.factories import a_site
from tests.support.redis_server import RedisServer

KEY = "k" * 64
NOW = 1_800_000_000
NONCE = "ab" * 9


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


def taken(body: bytes = b"<!doctype html><p>Hello", **changes: bool) -> Taken:
    ticket = Ticket(NONCE, NOW + 60, **changes)
    return Taken(a_site(load_key=KEY), ticket, "https://shop.example/a?b=1", b"utf-8", body)


async def keep(url: str, *several: Taken, room: bool = True) -> None:
    pictures = PictureDesk(url, lambda: room, lambda: NOW)
    for one in several:
        pictures.take(one)
    await pictures.close()


def test_a_picture_waits_for_the_portal_and_is_forgotten(redis: RedisServer) -> None:
    asyncio.run(keep(redis.url, taken()))
    site_id = taken().site.id
    found = read_picture(redis.url, site_id, NONCE)
    assert found is not None
    assert found["path"] == "/a"
    assert "<p>Hello</p>" in found["html"]
    assert read_picture(redis.url, site_id + 1, NONCE) is None
    forget_picture(redis.url, site_id, NONCE)
    assert read_picture(redis.url, site_id, NONCE) is None


def test_the_last_of_several_counts(redis: RedisServer) -> None:
    asyncio.run(keep(redis.url, taken()))
    asyncio.run(keep(redis.url, taken(b"<p>Signed in", hides_words=True)))
    found = read_picture(redis.url, taken().site.id, NONCE)
    assert found is not None
    assert "<p>Xxxxxx xx</p>" in found["html"]


@pytest.mark.parametrize("reason", ["room", "size", "redis"])
def test_without_room_there_is_none(
    redis: RedisServer, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "size":
        monkeypatch.setattr(desk, "MOST_KEPT_BYTES", 20)
    asyncio.run(keep("" if reason == "redis" else redis.url, taken(), room=reason != "room"))
    assert read_picture(redis.url, taken().site.id, NONCE) is None


def test_a_redis_that_is_away_is_said(redis: RedisServer) -> None:
    redis.stop()
    asyncio.run(keep(redis.url, taken()))
    with pytest.raises(BufferAwayError):
        read_picture(redis.url, 1, NONCE)


def test_only_who_has_a_ticket_is_admitted() -> None:
    pictures = PictureDesk("", lambda: True, lambda: NOW)
    site = a_site(load_key=KEY)
    ticket = Ticket(NONCE, NOW + 60)
    good = b"/a?b=1&sf_picture=" + write_ticket(site.id, KEY, ticket).encode()
    assert pictures.admit(site, good) == (b"/a?b=1", ticket)
    assert pictures.admit(site, b"/a?sf_picture=made-up") == (b"/a", None)
    assert pictures.admit(site, b"/a?b=1") == (b"/a?b=1", None)


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("é".encode(), b"", "é"),
        ("é".encode("latin-1"), b"ISO-8859-1", "é"),
        ("“".encode("cp1252"), b"iso-8859-1", "“"),
        (
            b"<meta charset=windows-1251>" + "я".encode("cp1251"),
            b"",
            "<meta charset=windows-1251>я",
        ),
        (b"\xef\xbb\xbf" + "é".encode(), b"iso-8859-1", "é"),
        (b"\xff\xfe" + "é".encode("utf-16-le"), b"", "é"),
        (b"\xff", b"no-such", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_pages_are_decoded_as_browsers_do(body: bytes, charset: bytes, text: str) -> None:
    assert decode_page(body, charset) == text


def test_only_a_good_answer_in_a_known_coding_is_copied() -> None:
    assert open_tap(200, []) is not None
    assert open_tap(200, [(b"Content-Encoding", b"br")]) is not None
    assert open_tap(200, [(b"Content-Encoding", b"aws-chunked")]) is None
    assert open_tap(404, []) is None
    assert charset_of([(b"Content-Type", b'text/html; charset="UTF-8"')]) == b"UTF-8"
    assert charset_of([]) == b""


def test_a_packed_picture_says_where_it_was_taken() -> None:
    found = orjson.loads(decompress(pack(taken())))
    assert found.keys() == {"path", "hosts", "html"}
