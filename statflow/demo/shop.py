"""The demo shop: a small site of its own that knows nothing of Statflow.

Pages are rendered from ``pages/``, compressed where the client takes gzip, and carry an ETag, so
that the edge in front of it meets what it meets at real sites: a form, a single-page section, a
download, a page that is not there. It must never contain a tracker: putting it in is the edge's.
"""

import asyncio
import csv
import gzip
import io
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

PAGES = Path(__file__).with_name("pages")

TEXT = "text/html; charset=utf-8"


class Shop:
    """Renders the shop's pages."""

    def __init__(self) -> None:
        self._catalogue = yaml.safe_load((PAGES / "catalogue.yaml").read_text())
        self._products: dict[str, dict[str, Any]] = self._catalogue["products"]
        self._pages = Environment(
            loader=FileSystemLoader(PAGES),
            autoescape=select_autoescape(),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.globals.update(self._catalogue)

    def build_app(self) -> web.Application:
        """Lay out the routes."""
        app = web.Application()
        app.router.add_get("/", self._page("home.html"))
        app.router.add_get("/shop", self._list)
        app.router.add_get("/shop/{name}", self._product)
        app.router.add_get("/journal", self._page("journal.html"))
        app.router.add_get("/journal/{name}", self._article)
        app.router.add_get("/about", self._page("about.html"))
        app.router.add_get("/basket", self._basket("basket.html"))
        app.router.add_get("/checkout", self._basket("checkout.html"))
        app.router.add_post("/checkout", _order)
        app.router.add_get("/thank-you", self._page("thank_you.html"))
        app.router.add_get("/studio", self._studio)
        app.router.add_get("/studio/{name}", self._studio)
        app.router.add_get("/files/price-list.csv", self._price_list)
        app.router.add_static("/static", PAGES / "static")
        app.router.add_get("/{rest:.*}", self._missing)
        return app

    def _page(self, template: str) -> Any:
        async def answer(request: web.Request) -> web.Response:
            return self._answer(request, template)

        return answer

    def _basket(self, template: str) -> Any:
        """Make a handler for what is in the basket; the address holds it, so no cookie does."""

        async def answer(request: web.Request) -> web.Response:
            slug = request.query.get("item", "")
            product = self._products.get(slug)
            if product is None and template != "basket.html":
                slug, product = next(iter(self._products.items()))
            return self._answer(request, template, slug=slug, product=product)

        return answer

    async def _list(self, request: web.Request) -> web.Response:
        return self._answer(request, "list.html", kind="")

    async def _product(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name in self._catalogue["kinds"]:
            return self._answer(request, "list.html", kind=name)
        if name not in self._products:
            return await self._missing(request)
        product = self._products[name]
        others = {
            slug: other
            for slug, other in self._products.items()
            if slug != name and other["kind"] == product["kind"]
        }
        fitting = dict(list(others.items())[:4])
        return self._answer(request, "product.html", slug=name, product=product, others=fitting)

    async def _article(self, request: web.Request) -> web.Response:
        article = self._catalogue["articles"].get(request.match_info["name"])
        if article is None:
            return await self._missing(request)
        return self._answer(request, "article.html", article=article)

    async def _studio(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "")
        if name not in self._catalogue["studio"]:
            return await self._missing(request)
        return self._answer(request, "studio.html", view=name)

    async def _missing(self, request: web.Request) -> web.Response:
        return self._answer(request, "missing.html", status=404)

    def _answer(
        self, request: web.Request, template: str, status: int = 200, **values: Any
    ) -> web.Response:
        body = self._pages.get_template(template).render(path=request.path, **values).encode()
        mark = sha256(body).hexdigest()[:16]
        headers = {
            "Cache-Control": "no-cache",
            "Content-Type": TEXT,
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
            mark += "-gzip"
        headers["ETag"] = f'"{mark}"'
        known = request.if_none_match or ()
        if status == HTTPStatus.OK and any(etag.value == mark for etag in known):
            del headers["Content-Type"]
            headers.pop("Content-Encoding", None)
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(status=status, body=body, headers=headers)

    async def _price_list(self, _request: web.Request) -> web.Response:
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(("product", "price_eur"))
        writer.writerows((row["name"], row["price"]) for row in self._products.values())
        return web.Response(
            text=table.getvalue(),
            content_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="price-list.csv"'},
        )


async def _order(request: web.Request) -> web.Response:
    await request.post()
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/thank-you"})


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
