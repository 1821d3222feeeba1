"""Which certificate is for which host: the folder that certbot, lego or a person fills.

The same layout as the mitmproxy front reads: ``<dir>/<host>/fullchain.pem, privkey.pem``, a
wildcard in a folder named ``_.example.com`` or by the names inside it. Only names are read here;
nginx reads the files. The one invariant: a pair that cannot be read is an error before nginx
would refuse to start over it.
"""

from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from edge.fronts.nginx_text import NginxError


def find_certificates(folder: Path) -> dict[str, str]:
    """Map every name to the folder of its pair; a folder's own name wins over names inside others.

    Raises:
        NginxError: The folder, or a certificate in it, cannot be read.
    """
    if not folder.is_dir():
        raise NginxError(f"no certificates: {folder} is not a folder (--tls-dir)")
    named: dict[str, str] = {}
    inside: dict[str, str] = {}
    for pair in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not (pair / "fullchain.pem").exists() or not (pair / "privkey.pem").exists():
            continue
        named[_as_name(pair.name)] = str(pair.absolute())
        for name in _names(pair / "fullchain.pem"):
            inside.setdefault(name, str(pair.absolute()))
    return inside | named


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
