"""Which certificate is for which host: the folder that certbot, lego or a person fills.

The same layouts as the mitmproxy front reads: ``<dir>/<host>/fullchain.pem, privkey.pem``, and
lego's ``<host>.crt, <host>.key``; a wildcard is named ``_.example.com`` or by the names inside it.
Only names are read here; nginx reads the files. The one invariant: a pair that cannot be read is
an error before nginx would refuse to start over it.
"""

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from edge.fronts.nginx_options import Pair
from edge.fronts.nginx_text import NginxError

_ISSUER = ".issuer.crt"


def find_certificates(folder: Path) -> dict[str, Pair]:
    """Map every name to its pair; the name of a folder or file wins over names inside others.

    Raises:
        NginxError: The folder, or a certificate in it, cannot be read.
    """
    if not folder.is_dir():
        raise NginxError(f"no certificates: {folder} is not a folder (--tls-dir)")
    named: dict[str, Pair] = {}
    inside: dict[str, Pair] = {}
    for name, chain, key in sorted(_find_files(folder.absolute())):
        pair = Pair(str(chain), str(key))
        named[_as_name(name)] = pair
        for host in _names(chain):
            inside.setdefault(host, pair)
    return inside | named


def _find_files(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    for path in folder.iterdir():
        name, chain, key = path.name, path / "fullchain.pem", path / "privkey.pem"
        if path.suffix == ".crt" and not path.name.endswith(_ISSUER):
            name, chain, key = path.stem, path, path.with_suffix(".key")
        if not path.name.startswith(".") and chain.is_file() and key.is_file():
            yield name, chain, key


def _as_name(folder: str) -> str:
    return ("*" + folder[1:] if folder.startswith("_.") else folder).lower()


def _names(chain: Path) -> list[str]:
    try:
        certificate = x509.load_pem_x509_certificates(chain.read_bytes())[0]
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        return []
    except (OSError, ValueError) as error:
        raise NginxError(f"certificate {chain}: {error}") from None
    alternatives = extension.value
    assert isinstance(alternatives, x509.SubjectAlternativeName)
    return [name.lower().rstrip(".") for name in alternatives.get_values_for_type(x509.DNSName)]
