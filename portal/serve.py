"""Serve the portal with waitress until SIGTERM or SIGINT.

waitress finishes the answers it has begun: on a signal no new connection is taken, and the threads
get a moment to end what they do.
"""

import logging
import signal
from types import FrameType

from flask import Flask
from waitress.server import create_server

_QUEUE_LOG = "waitress.queue"


def serve(app: Flask, host: str, port: int, threads: int = 8) -> None:
    """Serve on one address until a signal ends it."""
    # A dashboard's cards come at once and wait for a thread for a moment; that is no news.
    logging.getLogger(_QUEUE_LOG).setLevel(logging.ERROR)
    server = create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident=None,
        channel_timeout=60,
        max_request_body_size=1024 * 1024,
        # Nothing of the portal reads them; the collector, to which events of other trackers are
        # passed, believes them of trusted proxies and of servers with a token only.
        clear_untrusted_proxy_headers=False,
    )

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(0)

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    try:
        server.run()
    finally:
        server.close()
