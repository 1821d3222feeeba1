"""Browsers that have signed in before, and what a browser is called.

Guessing is slowed by address of the account and by address of the network; whoever guesses could so
keep the owner out. A browser in which the owner has signed in carries a signed cookie and has a
count of its own, which nobody else can use up. Source: OWASP, "Slow Down Online Guessing Attacks
with Device Cookies". The one invariant: the cookie opens nothing; it only chooses the count.
"""

import hashlib
import ipaddress
import secrets

from flask import Response, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from portal.config import here

LIFETIME_S = 180 * 86_400
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox",
             "CriOS": "Chrome", "Chrome": "Chrome", "Safari": "Safari"}  # fmt: skip


def _is_https() -> bool:
    return here().config.public_url.startswith("https:")


def _cookie() -> str:
    return "__Host-device" if _is_https() else "device"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(here().config.secret_key, salt="device")


def _digest(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()[:16]


def remember(response: Response, email: str) -> Response:
    """Mark this browser as one in which the account has been used."""
    value = _signer().dumps([_digest(email), secrets.token_urlsafe(12)])
    response.set_cookie(
        _cookie(), str(value), LIFETIME_S, httponly=True, samesite="Lax", secure=_is_https()
    )
    return response


def known_device(email: str) -> str:
    """Give the name of this browser's count for an account; empty if it has none."""
    try:
        digest, nonce = _signer().loads(request.cookies.get(_cookie(), ""), max_age=LIFETIME_S)
    except (BadSignature, ValueError, TypeError):
        return ""
    return str(nonce) if digest == _digest(email) else ""


def network() -> str:
    """Give the network a request comes from, for a count in memory; it is kept nowhere.

    Behind a proxy that the operator trusts it is the one that the proxy names.
    """
    told = ",".join(request.headers.getlist("X-Forwarded-For"))
    try:
        address = ipaddress.ip_address(
            here().config.client_address(request.remote_addr or "", told)
        )
    except ValueError:
        return ""
    length = 64 if address.version == 6 else 32  # noqa: PLR2004 - IPv6; a home has a /64.
    return str(ipaddress.ip_network((address, length), strict=False))


def device_name() -> str:
    """Call the browser by what its people call it, such as ``Firefox on Linux``."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for mark, name in _BROWSERS.items() if f"{mark}/" in agent), "")
    system = next((name for name in _SYSTEMS if name in agent), "")
    system = system.replace("Mac OS X", "macOS").replace("CrOS", "ChromeOS")
    return " on ".join(part for part in (browser or "A browser", system) if part)
