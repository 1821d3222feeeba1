"""Which front listens at which port, and all of them as one: start, reload, drain.

``auto`` is the direct front on the plain port and mitmproxy's on the TLS port. A front is imported
only where it serves: mitmproxy is large. What a front does with a request is its own business. The
one invariant: a port that is taken is an error at the start, never a share of somebody's traffic.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.collector.client_ip import Networks
from edge.collector.endpoints import Endpoints
from edge.config import EdgeError
from edge.fronts.operating import Operating
from edge.fronts.served import OnServed
from edge.inject.tag import Tag
from edge.sites import Site, Snapshot


class Front(Protocol):
    """What every front can do."""

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen for plain HTTP; returns the bound port."""

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, finish open requests, then close what is left."""


class TlsFront(Front, Protocol):
    """A front that also terminates TLS."""

    async def start_tls(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen for HTTPS; returns the bound port."""

    async def start_quic(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen for HTTP/3; returns the bound port."""

    def reload_certificates(self) -> None:
        """Read new and changed certificates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontParts:
    """What every front is made of."""

    sites: Callable[[], Snapshot]
    endpoints: Endpoints
    tag_for: Callable[[Site], Tag]
    trusted: Networks
    on_served: OnServed | None
    operating: Operating


class Listeners:
    """The fronts of one process.

    Raises:
        EdgeError: The named front cannot do what is asked of it.
    """

    def __init__(
        self, name: str, parts: FrontParts, tls_dir: Path | None, *, http3: bool = False
    ) -> None:
        if name == "direct" and tls_dir is not None:
            raise EdgeError(
                "the direct front serves no TLS: leave --tls-port out and let a TLS terminator "
                "stand before it, or choose --front auto"
            )
        if name == "mitmproxy" and parts.operating.proxy_protocol:
            raise EdgeError(
                "the mitmproxy front does not read the PROXY protocol: choose --front direct, "
                "or set STATFLOW_PROXY_PROTOCOL=0"
            )
        secure = _mitm(parts, tls_dir) if name == "mitmproxy" or tls_dir else None
        self._secure = secure
        self._plain: Front = secure if name == "mitmproxy" and secure else _direct(parts)
        self._has_tls = tls_dir is not None
        self._has_quic = http3

    async def start(
        self, hosts: Sequence[str], port: int, tls_port: int | None, *, reuse_port: bool = False
    ) -> tuple[int, int | None]:
        """Listen at every host; returns the bound ports.

        Raises:
            EdgeError: An address is taken or not ours to use.
        """
        try:
            for host in hosts:
                port = await self._plain.start(host, port, reuse_port=reuse_port)
                if tls_port is not None:
                    tls_port = await self._start_tls(host, tls_port, reuse_port=reuse_port)
        except OSError as error:
            raise EdgeError(f"cannot listen: {error.strerror or error}") from None
        return port, tls_port

    async def _start_tls(self, host: str, port: int, *, reuse_port: bool) -> int:
        if self._secure is None or not self._has_tls:
            return port
        port = await self._secure.start_tls(host, port, reuse_port=reuse_port)
        if self._has_quic:
            await self._secure.start_quic(host, port, reuse_port=reuse_port)
        return port

    async def reload(self) -> None:
        """Read new and changed certificates now."""
        if self._secure is not None:
            await asyncio.to_thread(self._secure.reload_certificates)

    async def drain(self, timeout_s: float) -> None:
        """Drain all fronts at once."""
        fronts: list[Front] = [self._plain]
        if self._secure is not None and self._secure is not self._plain:
            fronts.append(self._secure)
        async with asyncio.TaskGroup() as together:
            for front in fronts:
                together.create_task(front.drain(timeout_s))


def _direct(parts: FrontParts) -> Front:
    from edge.fronts.direct import DirectFront  # noqa: PLC0415 - as mitmproxy's.

    return DirectFront(
        sites=parts.sites,
        endpoints=parts.endpoints,
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
        operating=parts.operating,
    )


def _mitm(parts: FrontParts, tls_dir: Path | None) -> TlsFront:
    from edge.fronts.mitm import MitmFront  # noqa: PLC0415 - large; only where it serves.

    return MitmFront(
        sites=parts.sites,
        endpoints=parts.endpoints,
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
        operating=parts.operating,
        tls_dir=tls_dir,
    )
