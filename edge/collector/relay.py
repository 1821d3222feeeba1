"""Requests of other trackers that came in elsewhere: the portal passes them to a private port.

Framework-neutral; the port is ``edge.private``, the answers are ``edge.collector.endpoints``'.
There is no host to find the site by, so it is the one that the first document names, or for a
browser that only asks whether it may, the one whose page it comes from. The one invariant: who asks
here is trusted to tell the peer's address, so it is reached by loopback and private sockets only.
"""

from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from edge.collector.client_ip import Networks, client_address, parse_address
from edge.collector.endpoints import Endpoints
from edge.collector.foreign_requests import find_named_site
from edge.collector.messages import (
    EndpointRequest,
    EndpointResponse,
    Headers,
    first_value,
    render_empty,
    render_error,
)
from edge.names import Api
from edge.sites import Site, Snapshot

PEER = b"x-statflow-peer"
"""Header in which the caller names the peer it had."""
_NOBODY = ip_address("127.0.0.1")


class Relay:
    """Answers for every site of an edge."""

    def __init__(
        self,
        endpoints: Endpoints,
        sites: Callable[[], Snapshot],
        trusted: Networks,
        now_ms: Callable[[], int],
    ) -> None:
        self._endpoints = endpoints
        self._sites = sites
        self._trusted = trusted
        self._now_ms = now_ms

    async def respond(
        self, method: str, api: Api, headers: Headers, body: bytes
    ) -> EndpointResponse:
        """Answer one request; names of ``headers`` may be in any case."""
        lowered = tuple((name.lower(), value) for name, value in headers)
        site = self._find_site(method, api, lowered, body)
        if site is None and method == "OPTIONS":
            return render_empty(204, ((b"Vary", b"Origin"),))
        if site is None:
            message = "The body names no site of this installation."
            return render_error(400, "unknown_site", message, "domain")
        peer = parse_address(first_value(lowered, PEER)) or _NOBODY
        own = tuple(field for field in lowered if field[0] != PEER)
        return await self._endpoints.respond(
            EndpointRequest(
                method=method,
                path=f"{site.prefix}/{api}",
                query="",
                headers=own,
                body=body,
                address=client_address(site, peer, own, self._trusted),
                site=site,
                received_at_ms=self._now_ms(),
                secure=False,
            )
        )

    def _find_site(self, method: str, api: Api, headers: Headers, body: bytes) -> Site | None:
        snapshot = self._sites()
        if method != "OPTIONS":
            return find_named_site(api, body, snapshot.sites)
        try:
            host = urlsplit(first_value(headers, b"origin").decode("ascii")).netloc
        except ValueError:
            return None
        return snapshot.find(host) or snapshot.find(host.removeprefix("www."))
