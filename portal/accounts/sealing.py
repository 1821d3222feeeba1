"""Sealing: secrets that have to be read again are encrypted in the database.

Keys come from the installation's secret key, one a purpose. The one invariant: what was sealed for
one row opens for that row only, so that whoever can write to the database cannot move it.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.config import here

_NONCE_BYTES = 12


class SealedWithAnotherKeyError(ValueError):
    """What was sealed does not open: STATFLOW_SECRET_KEY is another one by now."""


def _cipher(purpose: str) -> AESGCM:
    info = f"statflow:{purpose}".encode()
    key = HKDF(SHA256(), 32, salt=None, info=info).derive(here().config.secret_key.encode())
    return AESGCM(key)


def seal(text: str, purpose: str, row: int) -> str:
    """Encrypt a text for one row."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = _cipher(purpose).encrypt(nonce, text.encode(), b"%d" % row)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, purpose: str, row: int) -> str:
    """Read what was sealed for this row.

    Raises:
        SealedWithAnotherKeyError: Another key or another row.
    """
    raw = base64.urlsafe_b64decode(sealed)
    try:
        text = _cipher(purpose).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], b"%d" % row)
    except InvalidTag:
        raise SealedWithAnotherKeyError from None
    return text.decode()
