"""A certificate that the demo signs for itself, so that its shop is there over HTTPS as well.

Nobody trusts it, and nobody should: it names this machine only, and a browser warns. Real ones come
from certbot, lego or Caddy (``docs/edge.md``). The one invariant: the key is readable by its owner
alone, and a pair is replaced before it ends.
"""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = dt.timedelta(days=90)
RENEW_BEFORE = dt.timedelta(days=14)


def ensure_certificate(folder: Path, names: list[str], now: dt.datetime) -> None:
    """Write ``<folder>/<first name>/fullchain.pem, privkey.pem`` unless a good pair is there."""
    place = folder / names[0]
    chain, key_file = place / "fullchain.pem", place / "privkey.pem"
    if key_file.exists() and _is_good(chain, names, now):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(key, names, now)
    place.mkdir(parents=True, exist_ok=True)
    key_file.unlink(missing_ok=True)
    key_file.touch(mode=0o600)
    pem = serialization.Encoding.PEM
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    chain.write_bytes(certificate.public_bytes(pem))


def _sign(key: ec.EllipticCurvePrivateKey, names: list[str], now: dt.datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Statflow demo")])
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _is_good(chain: Path, names: list[str], now: dt.datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(chain.read_bytes())
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    named = extension.value.get_values_for_type(x509.DNSName)
    return set(names) <= set(named) and now + RENEW_BEFORE < certificate.not_valid_after_utc
