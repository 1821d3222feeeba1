"""The demo shop: a small site of its own that knows nothing of Statflow.

Pages are rendered from ``pages/``, compressed where the client takes gzip, and carry an ETag, so
that the edge in front of it meets what it meets at real sites: a form, a single-page section, a
download, a page that is not there. It must never contain a tracker: putting it in is the edge's.
"""

import asyncio
import gzip
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

PAGES = Path(__file__).with_name("pages")

PRODUCTS: dict[str, dict[str, Any]] = {
    "tea-bowl-ash": {"name": "Tea bowl, ash glaze", "price": 38, "kind": "ceramics", "tone": "ash"},
    "tea-bowl-celadon": {
        "name": "Tea bowl, celadon",
        "price": 42,
        "kind": "ceramics",
        "tone": "sea",
    },
    "sencha-spring": {"name": "Sencha, first spring", "price": 14, "kind": "tea", "tone": "leaf"},
    "genmaicha": {"name": "Genmaicha", "price": 11, "kind": "tea", "tone": "rice"},
    "kettle-iron": {"name": "Iron kettle", "price": 89, "kind": "ceramics", "tone": "iron"},
    "plate-river": {"name": "Plate, river stone", "price": 27, "kind": "ceramics", "tone": "ash"},
    "vase-tall": {"name": "Tall vase", "price": 64, "kind": "ceramics", "tone": "clay"},
    "cup-set-slate": {"name": "Four cups, slate", "price": 52, "kind": "ceramics", "tone": "iron"},
}
ARTICLES = {
    "glazing-with-ash": "Glazing with ash",
    "how-we-fire": "How we fire",
    "a-year-of-tea": "A year of tea",
}
KINDS = {"tea": "Tea", "ceramics": "Ceramics"}
STUDIO = {"": "The studio", "wheel": "The wheel", "kiln": "The kiln", "glaze": "The glazes"}
TEXT = "text/html; charset=utf-8"


class Shop:
    """Renders the shop's pages."""

    def __init__(self) -> None:
        self._pages = Environment(
            loader=FileSystemLoader(PAGES), autoescape=select_autoescape(), trim_blocks=True
        )
        self._pages.globals.update(products=PRODUCTS, articles=ARTICLES, kinds=KINDS, studio=STUDIO)

    def build_app(self) -> web.Application:
        """Lay out the routes."""
        app = web.Application()
        app.router.add_get("/", self._page("home.html"))
        app.router.add_get("/shop", self._list)
        app.router.add_get("/shop/{name}", self._product)
        app.router.add_get("/journal", self._page("journal.html"))
        app.router.add_get("/journal/{name}", self._article)
        app.router.add_get("/about", self._page("about.html"))
        app.router.add_get("/basket", self._page("basket.html"))
        app.router.add_get("/checkout", self._page("checkout.html"))
        app.router.add_post("/checkout", _order)
        app.router.add_get("/thank-you", self._page("thank_you.html"))
        app.router.add_get("/studio", self._studio)
        app.router.add_get("/studio/{name}", self._studio)
        app.router.add_get("/files/price-list.csv", _price_list)
        app.router.add_static("/static", PAGES / "static")
        app.router.add_get("/{rest:.*}", self._missing)
        return app

    def _page(self, template: str) -> Any:
        async def answer(request: web.Request) -> web.Response:
            return self._answer(request, template)

        return answer

    async def _list(self, request: web.Request) -> web.Response:
        return self._answer(request, "list.html", kind="")

    async def _product(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name in KINDS:
            return self._answer(request, "list.html", kind=name)
        if name not in PRODUCTS:
            return await self._missing(request)
        return self._answer(request, "product.html", slug=name, product=PRODUCTS[name])

    async def _article(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in ARTICLES:
            return await self._missing(request)
        return self._answer(request, "article.html", slug=name, title=ARTICLES[name])

    async def _studio(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "")
        if name not in STUDIO:
            return await self._missing(request)
        return self._answer(request, "studio.html", view=name)

    async def _missing(self, request: web.Request) -> web.Response:
        return self._answer(request, "missing.html", status=404)

    def _answer(
        self, request: web.Request, template: str, status: int = 200, **values: Any
    ) -> web.Response:
        body = self._pages.get_template(template).render(path=request.path, **values).encode()
        etag = f'"{sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Vary": "Accept-Encoding", "Content-Type": TEXT}
        if status == 200 and request.headers.get("If-None-Match") == etag:  # noqa: PLR2004 - HTTP OK
            return web.Response(status=304, headers={"ETag": etag, "Vary": "Accept-Encoding"})
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return web.Response(status=status, body=body, headers=headers)


async def _order(request: web.Request) -> web.Response:
    await request.post()
    return web.Response(status=303, headers={"Location": "/thank-you"})


async def _price_list(_request: web.Request) -> web.Response:
    rows = ["product,price_eur", *(f"{p['name']!r},{p['price']}" for p in PRODUCTS.values())]
    disposition = 'attachment; filename="price-list.csv"'
    return web.Response(
        text="\r\n".join(rows),
        content_type="text/csv",
        headers={"Content-Disposition": disposition},
    )


async def serve_shop(host: str, port: int) -> None:
    """Serve the shop until cancelled.

    Raises:
        OSError: The port is taken.
    """
    runner = web.AppRunner(Shop().build_app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
