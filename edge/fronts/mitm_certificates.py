"""Certificates on disk, indexed by name, in the form that TLS and QUIC each want them.

certbot's layout and ours (``<host>/fullchain.pem, privkey.pem``, links followed) and lego's
(``<host>.crt, <host>.key``); ``_.example.com`` is lego's way to write a wildcard. Nothing is
ordered or made up here. The one invariant: a pair that cannot be used leaves the one before it in
its place, and is told about by its name alone.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtensionOID
from OpenSSL import SSL
from prometheus_client import Gauge

_log = logging.getLogger("statflow.edge.tls")

_EXPIRES = Gauge(
    "statflow_certificate_expires_seconds",
    "Unix time at which a certificate ends, by the name of its folder or file.",
    ["host"],
)
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION
_SOON = dt.timedelta(days=7)
"""certbot and lego renew a month before the end: a week before it, something is wrong."""
_ISSUER = ".issuer.crt"


class _Files(NamedTuple):
    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its chain and key, as objects."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: Any


@dataclass(slots=True)
class _Pair:
    stamp: tuple[int, ...]
    context: SSL.Context
    identity: Identity
    names: frozenset[str]
    said: str = ""


class Certificates:
    """A folder of certificates; ``now`` is the time they are judged at."""

    def __init__(
        self, folder: Path, now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ) -> None:
        self._folder = folder
        self._now = now
        self._pairs: dict[str, _Pair] = {}
        self._by_name: dict[str, _Pair] = {}
        self.reload()

    def find(self, name: str | None) -> SSL.Context | None:
        """Find the certificate for a name: its own, else a wildcard one level up."""
        pair = self._find(name)
        return pair.context if pair else None

    def find_identity(self, name: str | None) -> Identity | None:
        """Find the same for QUIC."""
        pair = self._find(name)
        return pair.identity if pair else None

    def reload(self) -> None:
        """Read what is new or has changed; a pair that cannot be used leaves the old one.

        Raises:
            OSError: The folder cannot be read; everything stays as it was.
        """
        pairs: dict[str, _Pair] = {}
        for name, files in sorted(_find_files(self._folder)):
            pair = _read(name, files, self._pairs.get(name))
            if pair is not None:
                pairs[name] = pair
                self._judge(name, pair)
        for name in self._pairs.keys() - pairs.keys():
            _EXPIRES.remove(name)
        by_name = {name: pair for pair in pairs.values() for name in pair.names}
        by_name |= {_as_name(name): pair for name, pair in pairs.items()}
        self._pairs, self._by_name = pairs, by_name

    def _find(self, name: str | None) -> _Pair | None:
        if not name:
            return None
        wanted = name.lower().rstrip(".")
        found = self._by_name.get(wanted)
        return found or self._by_name.get("*." + wanted.partition(".")[2])

    def _judge(self, name: str, pair: _Pair) -> None:
        """Publish when a certificate ends, and say once that it is about to or has."""
        ends_at = pair.identity.certificate.not_valid_after_utc
        _EXPIRES.labels(name).set(ends_at.timestamp())
        left = ends_at - self._now()
        state = "has expired" if left <= dt.timedelta(0) else "expires soon" if left < _SOON else ""
        if state and state != pair.said:
            _log.warning("certificate %s: %s (%s)", name, state, ends_at.date().isoformat())
        pair.said = state


def _find_files(folder: Path) -> Iterator[tuple[str, _Files]]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield path.name, _Files(path / "fullchain.pem", path / "privkey.pem")
        elif path.suffix == ".crt" and not path.name.endswith(_ISSUER):
            yield path.stem, _Files(path, path.with_suffix(".key"))


def _read(name: str, files: _Files, known: _Pair | None) -> _Pair | None:
    try:
        stamp = _stamp(files)
        if known is not None and known.stamp == stamp:
            return known
        identity = _identity(files)
        names = _names(identity.certificate)
        return _Pair(stamp, _server_context(files), identity, names)
    except (OSError, ValueError, TypeError, SSL.Error) as error:
        _log.error("certificate %s: not usable: %s", name, type(error).__name__)
        return known


def _stamp(files: _Files) -> tuple[int, ...]:
    """Tell a version of both files; links are followed, so a link that moves is a new version."""
    found = [path.stat() for path in files]
    return tuple(part for file in found for part in (file.st_mtime_ns, file.st_ino, file.st_size))


def _identity(files: _Files) -> Identity:
    first, *others = x509.load_pem_x509_certificates(files.chain.read_bytes())
    key = load_pem_private_key(files.key.read_bytes(), password=None)
    return Identity(first, tuple(others), key)


def _server_context(files: _Files) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(_OPTIONS)
    context.set_cipher_list(_CIPHERS)
    context.use_certificate_chain_file(str(files.chain))
    context.use_privatekey_file(str(files.key))
    context.check_privatekey()
    context.set_alpn_select_callback(_select_protocol)
    return context


def _select_protocol(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    for protocol in (b"h2", b"http/1.1"):
        if protocol in offered:
            return protocol
    return SSL.NO_OVERLAPPING_PROTOCOLS


def _names(certificate: x509.Certificate) -> frozenset[str]:
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


def _as_name(name: str) -> str:
    """Read the name of a folder or file; lego writes ``_.example.com`` for a wildcard."""
    return ("*" + name[1:] if name.startswith("_.") else name).lower()
