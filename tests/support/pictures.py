"""Pictures in memory: what the edges took, for a portal that is tested without them."""

from datetime import datetime
from typing import Any

from portal.pictures.ways import Pictures

HTML = (
    '<!doctype html><html><head><base href="https://own.example/"></head><body><h1 id="top">Hello'
    "</h1></body></html>"
)


class MemoryPictures:
    """``take`` is what an edge does once the address was opened."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, str], dict[str, Any]] = {}
        self.asked: list[tuple[int, str, str, bool]] = []
        self.is_away = False

    def ways(self) -> Pictures:
        return Pictures(self._address, lambda host: f"https://{host}", self._fetch, self._forget)

    def take(self, html: str = HTML, hosts: tuple[str, ...] = (), path: str = "/a") -> None:
        """Take the picture that was asked for last."""
        site_id, _, nonce, _ = self.asked[-1]
        self.waiting[site_id, nonce] = {"html": html, "hosts": list(hosts), "path": path}

    def _address(
        self, site_id: int, address: str, nonce: str, until: datetime, *, hides_words: bool
    ) -> str:
        del until
        self.asked.append((site_id, address, nonce, hides_words))
        return f"{address}?sf_picture={nonce}"

    def _fetch(self, site_id: int, nonce: str) -> dict[str, Any] | None:
        if self.is_away:
            raise ConnectionError("away")
        return self.waiting.get((site_id, nonce))

    def _forget(self, site_id: int, nonce: str) -> None:
        if self.is_away:
            raise ConnectionError("away")
        self.waiting.pop((site_id, nonce), None)
