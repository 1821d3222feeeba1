"""One of our fronts in a process of its own, as the edge runs it, without Redis.

``python -m tests.bench.serve_front FRONT PORT UPSTREAM_PORT WORKERS``
"""

import asyncio
import os
import sys

import uvloop

from edge.collector.builds import TrackerBuilds
from edge.collector.client_ip import parse_networks
from edge.collector.endpoints import EndpointRequest, EndpointResponse
from edge.fronts.direct import DirectFront
from edge.fronts.mitm import MitmFront
from edge.sites import Origin, Site, Snapshot
from tracker import newest_build


class NoCollector:
    """Endpoints that own the site's paths and take nothing: no bench of pages asks them."""

    def __init__(self, builds: TrackerBuilds) -> None:
        self._builds = builds

    def owns(self, site: Site, path: str) -> bool:
        """Tell whether a raw path is ours."""
        return self._builds.names.owns(site, path)

    async def respond(self, _request: EndpointRequest) -> EndpointResponse:
        """Answer nothing."""
        return EndpointResponse(404, ((b"Content-Length", b"0"),), b"")

    def refuse_large(self) -> EndpointResponse:
        """Answer nothing."""
        return EndpointResponse(413, ((b"Content-Length", b"0"),), b"")


async def serve(kind: str, port: int, upstream: int, *, share: bool) -> None:
    """Serve until killed."""
    site = Site(
        1, "bench.localhost", (Origin("http", "127.0.0.1", upstream),), "k", aliases=("127.0.0.1",)
    )
    snapshot = Snapshot(1, (site,))
    builds = TrackerBuilds(newest_build().read_bytes())
    front = {"direct": DirectFront, "mitmproxy": MitmFront}[kind](
        sites=lambda: snapshot,
        endpoints=NoCollector(builds),  # type: ignore[arg-type]
        tag_for=lambda asked: builds.for_site(asked).tag,
        trusted=parse_networks("loopback"),
    )
    await front.start("127.0.0.1", port, reuse_port=share)
    await asyncio.Event().wait()


def main() -> None:
    """Start the workers and serve in each."""
    kind, port, upstream, workers = sys.argv[1], *map(int, sys.argv[2:5])
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    uvloop.run(serve(kind, port, upstream, share=workers > 1))


if __name__ == "__main__":
    main()
