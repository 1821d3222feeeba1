"""The cookie of a reader who knew a link's password: signed, and good for that one link only.

It names nobody: the same password gives every reader a cookie that says the same. The one
invariant: changing or taking off the password ends all of them.
"""

import hashlib

from flask import Response, request
from itsdangerous import BadData, URLSafeTimedSerializer

from portal.config import here
from portal.models import ShareLink

MAX_AGE_S = 7 * 24 * 3600


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(here().config.secret_key, salt="shared-link")


def _is_https() -> bool:
    return here().config.public_url.startswith("https:")


def _cookie() -> str:
    return "__Secure-link" if _is_https() else "link"


def _key(link: ShareLink) -> str:
    return hashlib.sha256(f"{link.slug} {link.password_hash}".encode()).hexdigest()


def is_unlocked(link: ShareLink) -> bool:
    """Tell whether the request may read the link: it needs no password, or it was given."""
    if not link.password_hash:
        return True
    try:
        said = _signer().loads(request.cookies.get(_cookie(), ""), max_age=MAX_AGE_S)
    except BadData:
        return False
    return bool(said == _key(link))


def unlock(response: Response, link: ShareLink, path: str) -> None:
    """Remember, below the link's own path, that the password was given."""
    response.set_cookie(
        _cookie(),
        _signer().dumps(_key(link)),
        max_age=MAX_AGE_S,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=_is_https(),
    )
