"""Answer ACME's HTTP-01 challenges from a folder that certbot, lego or a person writes.

The edge orders no certificates; it only lets those who do prove that the name is theirs. Where the
folder has no such file, the origin is asked, which may run a client of its own. The one invariant:
nothing outside the folder is ever read, whatever a path or a link says.

Source: RFC 8555 section 8.3; the token's alphabet is section 8.1.
"""

import re
from pathlib import Path

PREFIX = "/.well-known/acme-challenge/"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MAX_BYTES = 16_384
"""A key authorisation is a token, a dot and a thumbprint: under 400 bytes."""


def find_challenge(folder: Path, path: str) -> bytes | None:
    """Read the file for a challenge; None if the origin should be asked instead.

    The folder is a webroot, as ``certbot --webroot`` fills it, or holds the files itself.
    """
    token = path.removeprefix(PREFIX)
    if token == path or not _TOKEN.fullmatch(token):
        return None
    for place in (folder / PREFIX.strip("/") / token, folder / token):
        found = _read_inside(folder, place)
        if found is not None:
            return found
    return None


def _read_inside(folder: Path, place: Path) -> bytes | None:
    """Read a regular file that lies inside the folder once all links are followed."""
    try:
        real = place.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()) or not real.is_file():
            return None
        if real.stat().st_size > _MAX_BYTES:
            return None
        return real.read_bytes()
    except (OSError, RuntimeError):
        return None
