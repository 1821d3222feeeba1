"""Certificates of erasures: what went, when, how much of it, and that nothing of it was left.

A certificate is a text (JSON, keys in order) with an Ed25519 signature by a key that is derived
from the installation's secret key. Whoever has the installation's public key can tell that it was
written here and not changed since. The one invariant: the text that is signed is the text that is
kept and shown, byte for byte.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.language import N_
from portal.models import ErasureRequest

FORMAT = "statflow-erasure-certificate/1"
_PURPOSE = b"statflow certificates of erasures"
TABLES: dict[str, str] = {
    "events": N_("Events"),
    "sessions": N_("Visits"),
    "signals": N_("Signals of modules"),
    "hits": N_("Documents served"),
    "rollups": N_("Sums of days"),
    "imported_totals": N_("Imported sums"),
    "imports": N_("List of imports"),
}
"""Every table that holds something of a site, in order, as people read it."""


class CertificateError(Exception):
    """It is no certificate of this installation, or was changed; the message says so."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What the writer recorded of one erasure."""

    done_at: datetime
    erased: Mapping[str, int]
    left: Mapping[str, int]


class Signer:
    """Signs and checks certificates with an installation's own key."""

    def __init__(self, secret_key: str) -> None:
        seed = HKDF(hashes.SHA256(), 32, None, _PURPOSE).derive(secret_key.encode())
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """The key that others check with: 32 bytes in base64."""
        raw = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return base64.b64encode(raw).decode()

    def sign(self, statement: str) -> str:
        """Sign a text; base64."""
        return base64.b64encode(self._key.sign(statement.encode())).decode()


def render_statement(
    request: ErasureRequest, carried: Carried, software: str, public_key: str
) -> str:
    """Write the text of a certificate; it names the key that signs it."""
    tables = {
        name: {"erased": carried.erased.get(name, 0), "left": carried.left.get(name)}
        for name in TABLES
        if name in carried.erased or name in carried.left
    }
    statement: dict[str, Any] = {
        "format": FORMAT,
        "certificate": request.key,
        "software": software,
        "public_key": public_key,
        "site": {"id": request.site_id, "host": request.host},
        "erased": "everything" if not request.chosen else "what meets every condition",
        "conditions": request.chosen,
        "reason": request.reason,
        "asked_at": _moment(request.asked_at),
        "asked_by": request.asked_by,
        "asked_via": request.via,
        "carried_out_at": _moment(carried.done_at),
        "tables": tables,
        "complete": not any(carried.left.values()),
    }
    return json.dumps(statement, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_statement(text: str) -> dict[str, Any]:
    """Read a certificate's text."""
    found: dict[str, Any] = json.loads(text)
    return found


def digest(statement: str) -> str:
    """Give the SHA-256 of a certificate's text, in hex."""
    return hashlib.sha256(statement.encode()).hexdigest()


def as_file(request: ErasureRequest) -> dict[str, str]:
    """Write a certificate as it is handed out: the signed text is one string."""
    return {
        "statement": request.statement,
        "sha256": digest(request.statement),
        "signature": request.signature,
        "algorithm": "Ed25519",
        "public_key": read_statement(request.statement)["public_key"],
    }


def check_file(raw: bytes, trusted: str) -> dict[str, Any]:
    """Check a certificate that somebody hands in; returns what it states.

    Raises:
        CertificateError: It is none, was changed, or a key signed it that is not the trusted one.
    """
    try:
        held = json.loads(raw)
        statement, signature = held["statement"], base64.b64decode(held["signature"])
        stated = read_statement(statement)
        form, key = stated["format"], base64.b64decode(stated["public_key"])
        Ed25519PublicKey.from_public_bytes(key).verify(signature, statement.encode())
    except (ValueError, TypeError, KeyError) as error:
        raise CertificateError("This is no certificate of an erasure.") from error
    except InvalidSignature:
        raise CertificateError("The signature does not fit: the text was changed.") from None
    if form != FORMAT:
        raise CertificateError(f"It is of the form {form}, not {FORMAT}.")
    if stated["public_key"] != trusted:
        raise CertificateError(
            "It is whole, but another key signed it: of another installation, or of this one before"
            " its secret key was changed."
        )
    return stated
