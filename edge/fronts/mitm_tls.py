"""TLS on both sides: certificates by name for clients, verified names for origins.

Certificates are files that certbot, lego or a person put there; the edge never makes one up, so a
name without a certificate gets the alert ``unrecognized_name``. Origins are verified against the
public authorities, or the operator's own. The one invariant: a client is only ever shown a
certificate that lies on disk under the name it asked for.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple, override

import certifi
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

_log = logging.getLogger("statflow.edge.tls")

UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])
"""A fatal alert record in the clear, as is right before any key exchange (RFC 8446 6.2)."""

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION
_HOSTFLAGS = 0x4 | 0x20
"""X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS and NEVER_CHECK_SUBJECT: names as browsers check them."""


class _Stamp(NamedTuple):
    chain_ns: int
    key_ns: int


class _Pair(NamedTuple):
    stamp: _Stamp
    context: SSL.Context
    names: frozenset[str]


class Certificates:
    """The folder ``<dir>/<host>/fullchain.pem, privkey.pem``, indexed by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pairs: dict[str, _Pair] = {}
        self._by_name: dict[str, SSL.Context] = {}
        self.reload()

    def find(self, name: str | None) -> SSL.Context | None:
        """Find the certificate for a name: its own, else a wildcard one level up."""
        if not name:
            return None
        wanted = name.lower().rstrip(".")
        found = self._by_name.get(wanted)
        return found or self._by_name.get("*." + wanted.partition(".")[2])

    def reload(self) -> None:
        """Read what is new or has changed; a pair that cannot be used leaves the old one."""
        pairs: dict[str, _Pair] = {}
        for folder in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            pair = self._read(folder, self._pairs.get(folder.name))
            if pair is not None:
                pairs[folder.name] = pair
        by_name = {name: pair.context for pair in pairs.values() for name in pair.names}
        by_name |= {_as_name(folder): pair.context for folder, pair in pairs.items()}
        self._pairs, self._by_name = pairs, by_name

    def _read(self, folder: Path, known: _Pair | None) -> _Pair | None:
        chain, key = folder / "fullchain.pem", folder / "privkey.pem"
        try:
            stamp = _Stamp(chain.stat().st_mtime_ns, key.stat().st_mtime_ns)
            if known is not None and known.stamp == stamp:
                return known
            return _Pair(stamp, _server_context(chain, key), _names(chain))
        except (OSError, ValueError, SSL.Error) as error:
            _log.error("certificate %s: not usable: %s", folder.name, type(error).__name__)
            return known


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


def _server_context(chain: Path, key: Path) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(_OPTIONS)
    context.set_cipher_list(_CIPHERS)
    context.use_certificate_chain_file(str(chain))
    context.use_privatekey_file(str(key))
    context.check_privatekey()
    context.set_alpn_select_callback(_select_protocol)
    return context


def _select_protocol(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    for protocol in (b"h2", b"http/1.1"):
        if protocol in offered:
            return protocol
    return SSL.NO_OVERLAPPING_PROTOCOLS


def _names(chain: Path) -> frozenset[str]:
    certificate = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        return frozenset()
    alternatives = extension.value
    assert isinstance(alternatives, x509.SubjectAlternativeName)
    return frozenset(
        name.lower().rstrip(".") for name in alternatives.get_values_for_type(x509.DNSName)
    )


def _as_name(folder: str) -> str:
    """Read a folder's name; lego writes ``_.example.com`` for a wildcard."""
    return ("*" + folder[1:] if folder.startswith("_.") else folder).lower()
