"""The demo shop is the kind of origin that an edge meets."""

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
import yaml

from statflow.demo.shop import PAGES, serve_shop
from statflow.demo.traffic import ARTICLES, LISTS, PRODUCTS, STUDIO

CATALOGUE = yaml.safe_load((PAGES / "catalogue.yaml").read_text())
PATHS = (
    "/",
    "/journal",
    "/about",
    "/basket",
    "/basket?item=genmaicha",
    "/checkout",
    "/thank-you",
    *LISTS,
    *STUDIO,
    *(f"/shop/{slug}" for slug, _ in PRODUCTS),
    *(f"/journal/{slug}" for slug in ARTICLES),
)


@pytest.fixture
async def shop(unused_port: int) -> AsyncIterator[aiohttp.ClientSession]:
    task = asyncio.create_task(serve_shop("127.0.0.1", unused_port))
    session = aiohttp.ClientSession(f"http://127.0.0.1:{unused_port}", auto_decompress=False)
    for _ in range(200):
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with session.head("/"):
                break
        await asyncio.sleep(0.01)
    yield session
    await session.close()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def read(shop: aiohttp.ClientSession, path: str) -> str:
    async with shop.get(path, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status == 200, path
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return await answer.text()


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_of_the_invented_traffic_is_there(
    shop: aiohttp.ClientSession, path: str
) -> None:
    page = await read(shop, path)
    assert page.startswith("<!doctype html>")
    # The tag is the edge's to put in, and the shop keeps nothing about anybody.
    assert "/sf/" not in page
    assert not shop.cookie_jar


async def test_every_link_inside_leads_somewhere(shop: aiohttp.ClientSession) -> None:
    seen, todo = {"/"}, ["/"]
    while todo:
        for link in re.findall(r'(?:href|src|action)="(/[^"]*)"', await read(shop, todo.pop())):
            if link in seen:
                continue
            seen.add(link)
            async with shop.get(link) as answer:
                assert answer.status == 200, link
                if answer.content_type == "text/html":
                    todo.append(link)
    assert {"/static/shop.css", "/static/shop.js", "/files/price-list.csv"} <= seen


def test_the_traffic_sells_what_the_shop_has() -> None:
    assert {slug: row["price"] for slug, row in CATALOGUE["products"].items()} == dict(PRODUCTS)
    assert set(CATALOGUE["articles"]) == set(ARTICLES)


async def test_pages_are_compressed_where_it_is_wanted(shop: aiohttp.ClientSession) -> None:
    plain = await read(shop, "/shop")
    async with shop.get("/shop", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(await answer.read()).decode() == plain


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_a_page_that_is_known_is_not_sent_again(
    shop: aiohttp.ClientSession, coding: str
) -> None:
    headers = {"Accept-Encoding": coding}
    async with shop.get("/", headers=headers) as answer:
        etag = answer.headers["ETag"]
    async with shop.get("/", headers=headers | {"If-None-Match": f'"other", W/{etag}'}) as answer:
        assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", etag)
    async with shop.get("/about", headers=headers | {"If-None-Match": etag}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/nowhere", "/shop/tea-bowl-moss", "/journal/x", "/studio/x"])
async def test_a_page_that_is_not_there(shop: aiohttp.ClientSession, path: str) -> None:
    async with shop.get(path) as answer:
        assert answer.status == 404
        assert answer.content_type == "text/html"


async def test_an_order_ends_at_thank_you(shop: aiohttp.ClientSession) -> None:
    form = {"name": "A", "street": "B", "email": "a@b.example"}
    async with shop.post("/checkout", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/thank-you")


async def test_the_price_list_is_a_download(shop: aiohttp.ClientSession) -> None:
    async with shop.get("/files/price-list.csv") as answer:
        assert answer.content_type == "text/csv"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        rows = (await answer.text()).splitlines()
    assert rows[:2] == ["product,price_eur", '"Tea bowl, ash glaze",38']
    assert len(rows) == 1 + len(PRODUCTS)


async def test_a_port_that_is_taken_is_an_error(
    shop: aiohttp.ClientSession, unused_port: int
) -> None:
    with pytest.raises(OSError, match="in use"):
        await serve_shop("127.0.0.1", unused_port)
