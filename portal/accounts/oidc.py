"""OpenID Connect: what is asked of the provider, and whether its answer is to be believed.

The authorization code flow with PKCE, state and nonce; what an account makes of the answer is
``portal.accounts.sso``'s work. Addresses come from the issuer's discovery document, fetched here
and kept for an hour; keys are asked for again when one is unknown. The one invariant: no claim is
returned that was not signed by a key of the issuer, for us, for this very request.

Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 9207 for ``iss`` in the answer; RFC 9700.
"""

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from urllib3.exceptions import HTTPError

from portal.models import Role

TIMEOUT_S = 5
LEEWAY_S = 60
FRESH_S = 300
"""How long ago somebody may have signed in at the provider who was asked to do so again."""
KEPT_S = 3600
AWAY_S = 5
_MAX_BYTES = 1024 * 1024
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "Ed25519", "EdDSA"]  # fmt: skip
"""Signatures with a key pair. ``none`` says nothing, and HMAC would be by our own client secret."""
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
SCOPE = "openid email profile"
_REFUSED = (AuthlibBaseError, JoseError, requests.RequestException, ValueError, TypeError, KeyError,
            AttributeError)  # fmt: skip
"""What the libraries raise at an answer that does not stand up, of whatever shape it is."""


class ProviderError(RuntimeError):
    """The provider cannot be asked or is not to be believed; the message is for logs."""


@dataclass(frozen=True, slots=True)
class GroupRole:
    """A group at the provider, and the role that it gives in a team."""

    group: str
    team: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleSignOn:
    """The OpenID Connect provider; ``only`` leaves no other way in."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "single sign-on"
    groups_claim: str = "groups"
    roles: tuple[GroupRole, ...] = ()
    only: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to the provider, to be kept with the browser until its answer comes."""

    state: str
    nonce: str
    verifier: str


def _fetch(url: str) -> dict[str, Any]:
    """Fetch a JSON object of a bounded size.

    Raises:
        ProviderError: It is none, is too large, or cannot be fetched in time.
    """
    try:
        with requests.get(url, timeout=TIMEOUT_S, stream=True, allow_redirects=False) as answer:
            if answer.status_code != requests.codes.ok:
                raise ProviderError(f"{url} answers {answer.status_code}")
            raw = answer.raw.read(_MAX_BYTES + 1, decode_content=True)
        found = json.loads(raw) if len(raw) <= _MAX_BYTES else None
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise ProviderError(f"{url}: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise ProviderError(f"{url} is no JSON object of at most {_MAX_BYTES} bytes")
    return found


def _check_fresh(claims: dict[str, Any], now: datetime) -> None:
    at_s = claims.get("auth_time")
    if not isinstance(at_s, int | float) or now.timestamp() - at_s > FRESH_S:
        raise ProviderError("the provider did not ask the person to sign in again")


def new_asking() -> Asking:
    """Draw what ties an answer to its request."""
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    return Asking(state, nonce, verifier)


class Provider:
    """The provider, as far as it has been asked."""

    def __init__(self, settings: SingleSignOn) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._about: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._until_s = self._away_until_s = 0.0

    def address(self, asking: Asking, callback: str, *, again: bool = False) -> str:
        """Write where to send the browser; ``again`` asks for a new sign-in there.

        Raises:
            ProviderError: The provider cannot be asked.
        """
        extra = {"prompt": "login", "max_age": "0"} if again else {}
        with self._client(callback) as client:
            url, _ = client.create_authorization_url(
                self._known()["authorization_endpoint"],
                state=asking.state,
                nonce=asking.nonce,
                code_verifier=asking.verifier,
                **extra,
            )
        return str(url)

    def sign_out_address(self, back: str) -> str | None:
        """Write where the browser signs out of the provider too; None if it offers that nowhere.

        Raises:
            ProviderError: The provider cannot be asked.
        """
        endpoint = self._known().get("end_session_endpoint")
        if not isinstance(endpoint, str):
            return None
        values = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back}
        return str(add_params_to_uri(endpoint, values.items()))

    def claims(
        self, asking: Asking, code: str, callback: str, now: datetime, *, again: bool = False
    ) -> dict[str, Any]:
        """Trade a code for what the provider says of a person.

        Raises:
            ProviderError: It cannot be asked, or what it says does not stand up.
        """
        about = self._known()
        try:
            with self._client(callback) as client:
                token = client.fetch_token(
                    about["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=asking.verifier,
                )
                claims = self._checked(token, asking, now)
                if again:
                    _check_fresh(claims, now)
                return self._with_userinfo(client, claims)
        except _REFUSED as error:
            raise ProviderError(f"{type(error).__name__}: {error}") from error

    def _client(self, callback: str) -> OAuth2Session:
        return OAuth2Session(
            self._settings.client_id,
            self._settings.client_secret,
            scope=SCOPE,
            redirect_uri=callback,
            code_challenge_method="S256",
            token_endpoint_auth_method=self._how_to_authenticate(),
            default_timeout=TIMEOUT_S,
        )

    def _how_to_authenticate(self) -> str:
        if not self._settings.client_secret:
            return "none"
        offered = self._known().get("token_endpoint_auth_methods_supported") or []
        posts = "client_secret_post" in offered and "client_secret_basic" not in offered
        return "client_secret_post" if posts else "client_secret_basic"

    def _checked(self, token: dict[str, Any], asking: Asking, now: datetime) -> dict[str, Any]:
        text = token.get("id_token")
        if not isinstance(text, str):
            raise ProviderError("there is no ID token in the answer")
        read = self._read(text)
        wanted = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
        }
        params = {
            "nonce": asking.nonce,
            "client_id": self._settings.client_id,
            "access_token": token.get("access_token"),
        }
        claims = CodeIDToken(read.claims, read.header, wanted, params)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise ProviderError("the subject is no text")
        return dict(claims)

    def _read(self, text: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(text, KeySet.import_key_set(self._key_set()), registry=registry)
        except InvalidKeyIdError:
            fresh = self._key_set(anew=True)
            return jwt.decode(text, KeySet.import_key_set(fresh), registry=registry)

    def _with_userinfo(self, client: OAuth2Session, claims: dict[str, Any]) -> dict[str, Any]:
        """Add what only the userinfo endpoint tells, such as groups; the ID token's word wins."""
        endpoint = self._known().get("userinfo_endpoint")
        wanted = ("email", "email_verified", self._settings.groups_claim)
        if not isinstance(endpoint, str) or all(name in claims for name in wanted):
            return claims
        answer = client.get(endpoint)
        answer.raise_for_status()
        told = answer.json()
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise ProviderError("userinfo tells of somebody else")
        # Address and its proof come from one place, so that neither vouches for the other's.
        pair = ("email", "email_verified")
        if all(name in claims for name in pair):
            told = {name: value for name, value in told.items() if name not in pair}
        else:
            claims = {name: value for name, value in claims.items() if name not in pair}
        return told | claims

    def _key_set(self, *, anew: bool = False) -> Any:
        self._known()
        with self._lock:
            if anew or not self._keys:
                self._keys = _fetch(self._about["jwks_uri"])
            return self._keys

    def _known(self) -> dict[str, Any]:
        """Give the discovery document, fetched at most once an hour.

        Raises:
            ProviderError: It cannot be fetched, or is another issuer's.
        """
        with self._lock:
            if time.monotonic() < self._until_s:
                return self._about
            if time.monotonic() < self._away_until_s:
                raise ProviderError("the provider was away a moment ago")
            try:
                self._about, self._keys = self._discovered(), {}
            except ProviderError:
                # Else all who wait for it would hold a thread each, one after another.
                self._away_until_s = time.monotonic() + AWAY_S
                raise
            self._until_s = time.monotonic() + KEPT_S
            return self._about

    def _discovered(self) -> dict[str, Any]:
        about = _fetch(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self._settings.issuer:
            raise ProviderError(f"the provider calls itself {about.get('issuer')!r}")
        missing = [name for name in _NEEDED if not isinstance(about.get(name), str)]
        if missing:
            raise ProviderError(f"the discovery document lacks {', '.join(missing)}")
        return about
