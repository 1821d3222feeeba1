"""Serve the portal with waitress until SIGTERM or SIGINT.

The server takes a request's whole body in before the application sees it, so bodies are small; one
whose address carries a ticket (``portal.imports.tickets``) may be as large as a file to import.

waitress finishes the answers it has begun: on a signal no new connection is taken, and the threads
get a moment to end what they do.
"""

import copy
import logging
import signal
from types import FrameType
from typing import Any
from urllib.parse import parse_qs

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server

from portal.imports.tickets import FIELD, Tickets

_QUEUE_LOG = "waitress.queue"
MAX_BODY_BYTES = 1024 * 1024


def _channel(tickets: Tickets, upload_bytes: int) -> type[HTTPChannel]:
    """Make the kind of connection on which only a ticket lets a large body in."""

    class Parser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            ticket = parse_qs(str(self.query)).get(FIELD, [""])[0]
            if ticket and tickets.is_good(ticket):
                self.adj: Any = copy.copy(self.adj)
                self.adj.max_request_body_size = upload_bytes + MAX_BODY_BYTES

    class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
        parser_class = Parser

    return Channel


def serve(app: Flask, host: str, port: int, threads: int = 8, upload_bytes: int = 0) -> None:
    """Serve on one address until a signal ends it; ``upload_bytes`` are a large body's limit."""
    # A dashboard's cards come at once and wait for a thread for a moment; that is no news.
    logging.getLogger(_QUEUE_LOG).setLevel(logging.ERROR)
    server = create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident=None,
        channel_timeout=60,
        max_request_body_size=MAX_BODY_BYTES,
        # Nothing of the portal reads them; the collector, to which events of other trackers are
        # passed, believes them of trusted proxies and of servers with a token only.
        clear_untrusted_proxy_headers=False,
    )

    server.channel_class = _channel(Tickets(app.config["SECRET_KEY"]), upload_bytes)

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(0)

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    try:
        server.run()
    finally:
        server.close()
