"""The store role: open the embedded engine, and leave its address in the data folder."""

import json
import os

from edge.sites_feed import write_atomically
from statflow.paths import Paths
from statflow.services import store_secret
from store.embedded import serve


def serve_store(paths: Paths, port: int) -> None:
    """Open the embedded engine and serve it until SIGTERM; leave its address in the data folder."""
    secret = store_secret(paths)

    def announce(bound: int) -> None:
        url = f"http://statflow:{secret}@127.0.0.1:{bound}/statflow"
        write_atomically(paths.store_json, json.dumps({"url": url, "pid": os.getpid()}).encode())
        paths.store_json.chmod(0o600)

    serve(paths.store_folder, port=port, secret=secret, ready=announce)
