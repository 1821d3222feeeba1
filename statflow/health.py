"""Ask a part of this machine whether it is well, as a container's health check does."""

from http.client import HTTPException
from urllib.request import urlopen

PATIENCE_S = 4
_OK = 200


def is_well(address: str) -> bool:
    """Ask ``/healthz`` or ``/readyz`` at an address; whatever is not 200 means no."""
    if not address.startswith("http://"):
        return False
    try:
        with urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310 - http only
            return bool(answer.status == _OK)
    except (OSError, HTTPException, ValueError):
        return False
