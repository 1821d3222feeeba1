"""The demo's own certificate."""

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509

from statflow.demo.certificate import LIFETIME, ensure_certificate

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NAMES = ["shop.localhost", "localhost"]


def test_a_server_can_use_it_and_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, NAMES, NOW)
    pair = tmp_path / "shop.localhost"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair / "fullchain.pem", pair / "privkey.pem")
    assert (pair / "privkey.pem").stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate((pair / "fullchain.pem").read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == NAMES


def test_it_stays_until_shortly_before_its_end_and_is_mended(tmp_path: Path) -> None:
    chain = tmp_path / "shop.localhost" / "fullchain.pem"
    ensure_certificate(tmp_path, NAMES, NOW)
    first = chain.read_bytes()
    ensure_certificate(tmp_path, NAMES, NOW + dt.timedelta(days=30))
    assert chain.read_bytes() == first
    ensure_certificate(tmp_path, NAMES, NOW + LIFETIME - dt.timedelta(days=5))
    second = chain.read_bytes()
    assert second != first
    chain.write_bytes(b"nonsense")
    ensure_certificate(tmp_path, NAMES, NOW)
    assert chain.read_bytes().startswith(b"-----BEGIN")
    ensure_certificate(tmp_path, [*NAMES, "more.localhost"], NOW)
    assert chain.read_bytes() != second
