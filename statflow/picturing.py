"""What the portal needs of the edges to take pictures of pages (``portal.pictures``)."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from edge.pictures.desk import forget_picture, read_picture
from edge.pictures.ticket import NAME, Ticket, write_ticket
from portal.pictures.ways import Pictures
from statflow.accounts import load_key
from statflow.paths import Paths
from statflow.services import redis_url, secret_key
from statflow.settings import Settings


class EdgePictures:
    """The edges of one installation."""

    def __init__(self, settings: Settings, paths: Paths) -> None:
        self._settings = settings
        self._paths = paths

    def ways(self) -> Pictures:
        """Give them as the portal takes them."""
        return Pictures(self.address, self.origin, self.fetch, self.forget)

    def address(
        self, site_id: int, address: str, nonce: str, until: datetime, *, hides_words: bool
    ) -> str:
        """Put a ticket into the address of a page."""
        key = load_key(secret_key(self._settings, self._paths), site_id)
        ticket = Ticket(nonce, int(until.timestamp()), hides_words)
        said = NAME.decode() + write_ticket(site_id, key, ticket)
        parts = urlsplit(address)
        return parts._replace(query=f"{parts.query}&{said}" if parts.query else said).geturl()

    def origin(self, host: str) -> str:
        """Guess where a site's pages are: at the edges that ``statflow up`` runs, else by HTTPS."""
        try:
            urls = json.loads(self._paths.run_json.read_text())["urls"]
            found = urlsplit(urls.get("edge_tls") or urls["edge"])
        except (OSError, ValueError, KeyError):
            return f"https://{host}"
        return f"{found.scheme}://{host}" + (f":{found.port}" if found.port else "")

    def fetch(self, site_id: int, nonce: str) -> dict[str, Any] | None:
        """Fetch a picture that waits; see ``edge.pictures.desk.read_picture``."""
        return read_picture(redis_url(self._settings, self._paths), site_id, nonce)

    def forget(self, site_id: int, nonce: str) -> None:
        """Let a picture wait no longer."""
        forget_picture(redis_url(self._settings, self._paths), site_id, nonce)
