"""TLS on both sides: certificates by name for clients, verified names for origins.

Certificates are read by ``mitm_certificates``; the edge never makes one up, so a name without one
gets the alert ``unrecognized_name``. Origins are verified against the public authorities, or the
operator's own. The one invariant: a client is only ever shown a
certificate that lies on disk under the name it asked for.
"""

import logging
from pathlib import Path
from typing import override

import certifi
from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

from edge.fronts.mitm_certificates import Certificates

_log = logging.getLogger("statflow.edge.tls")

UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])
"""A fatal alert record in the clear, as is right before any key exchange (RFC 8446 6.2)."""

_HOSTFLAGS = 0x4 | 0x20
"""X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS and NEVER_CHECK_SUBJECT: names as browsers check them."""


class UpstreamTls:
    """How origins are spoken to over TLS: verified, by name, HTTP/1.1 only."""

    def __init__(self, authorities: Path | None = None) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION)
        context.load_verify_locations(str(authorities or certifi.where()))
        context.set_verify(SSL.VERIFY_PEER)
        context.set_alpn_protos([b"http/1.1"])
        self._context = context

    def open(self, name: str) -> SSL.Connection:
        """Start a handshake that ends well only with a certificate for ``name``."""
        connection = SSL.Connection(self._context, None)
        host = name.encode("idna")
        connection.set_tlsext_host_name(host)
        lib = SSL._lib  # type: ignore[attr-defined]  # noqa: SLF001 - pyOpenSSL has no face for it.
        param = lib.SSL_get0_param(connection._ssl)  # noqa: SLF001 - as above.
        lib.X509_VERIFY_PARAM_set_hostflags(param, _HOSTFLAGS)
        if lib.X509_VERIFY_PARAM_set1_host(param, host, len(host)) != 1:
            raise ValueError(f"not a host name: {name!r}")
        connection.set_connect_state()
        return connection


class EdgeClientTls(tls.ClientTLSLayer):
    """TLS towards clients: certificates from disk, an alert for strangers, a proper goodbye."""

    def __init__(self, context: Context, certificates: Certificates) -> None:
        super().__init__(context)
        self._certificates = certificates
        self._said_goodbye = False

    @override
    def start_tls(self) -> CommandGenerator[None]:
        context = self._certificates.find(self.conn.sni)
        if context is None:
            yield commands.SendData(self.conn, UNRECOGNIZED_NAME)
            yield commands.CloseConnection(self.conn)
            return
        self.tls = SSL.Connection(context, None)
        self.tls.set_accept_state()

    @override
    def send_close(self, command: commands.CloseConnection) -> CommandGenerator[None]:
        """Say close_notify: without it a client cannot tell the end of a body from a cut."""
        if self.tunnel_state is TunnelState.OPEN and not self._said_goodbye and not self.conn.error:
            self._said_goodbye = True
            try:
                self.tls.shutdown()
            except SSL.Error:
                _log.debug("no goodbye: the session is broken")
            yield from self.tls_interact()
        yield from super().send_close(command)


class EdgeServerTls(tls.ServerTLSLayer):
    """TLS towards an origin, for the name in ``context.server.sni``."""

    def __init__(self, context: Context, upstream: UpstreamTls) -> None:
        super().__init__(context)
        self._upstream = upstream

    @override
    def start_tls(self) -> CommandGenerator[None]:
        self.tls = self._upstream.open(self.conn.sni or "")
        yield from ()
