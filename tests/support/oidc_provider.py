"""A small OpenID Connect provider on loopback: discovery, keys, PKCE, codes that work once.

It signs in whoever ``person`` says without asking. What a test wants it to do wrong is set on it.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID = "statflow"
CLIENT_SECRET = "a secret of the client"


@dataclass
class OidcProvider:
    """The provider; ``person`` are claims of who is signed in there."""

    issuer: str = ""
    now_s: Callable[[], int] = field(kw_only=True)
    person: dict[str, Any] = field(default_factory=dict)
    in_userinfo: dict[str, Any] = field(default_factory=dict)
    alter: Callable[[dict[str, Any]], None] = lambda _claims: None
    algorithm: str = "RS256"
    asked: list[dict[str, str]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    failing: bool = False

    def __post_init__(self) -> None:
        self.new_key()
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, str] = {}

    def new_key(self) -> None:
        """Sign with another key from now on, under another name."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}, private=True)

    def discovery(self) -> dict[str, Any]:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
        }
        return told | self.document

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Sign in whoever is there; give the address to go back to."""
        self.asked.append(asked)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def trade(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Give tokens for a code; None if anything is wrong."""
        asked = self._codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or authorization != f"Basic {expected}":
            return None
        if asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return None
        access = secrets.token_urlsafe(16)
        self._tokens[access] = str(self.person["sub"])
        told = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        return told | {"id_token": self.id_token(asked["nonce"], "max_age" in asked)}

    def id_token(self, nonce: str, auth_time: bool) -> str:
        now_s = self.now_s()
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now_s, "exp": now_s + 300}
        claims |= {"nonce": nonce, **self.person}
        if auth_time:
            claims.setdefault("auth_time", now_s)
        self.alter(claims)
        if self.algorithm == "none":
            parts = ({"alg": "none", "typ": "JWT"}, claims)
            raw = (base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts)
            return ".".join([*(part.decode() for part in raw), ""])
        if self.algorithm == "HS256":
            key = OctKey.import_key(CLIENT_SECRET)
            return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def userinfo(self, authorization: str) -> dict[str, Any] | None:
        subject = self._tokens.get(authorization.removeprefix("Bearer "))
        return None if subject is None else {"sub": subject} | self.in_userinfo


class _Handler(BaseHTTPRequestHandler):
    provider: OidcProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.provider.fetched.append(parts.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.provider.failing:
            return self._say(503, {})
        if parts.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(asked))
            self.send_header("Content-Length", "0")
            return self.end_headers()
        pages: dict[str, Callable[[], dict[str, Any] | None]] = {
            "/.well-known/openid-configuration": self.provider.discovery,
            "/jwks": self.provider.jwks,
            "/userinfo": lambda: self.provider.userinfo(self.headers.get("Authorization", "")),
        }
        found = pages.get(parts.path, lambda: None)()
        return self._say(404 if found is None else 200, found or {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        told = self.provider.trade(form, self.headers.get("Authorization", ""))
        if told is None:
            return self._say(400, {"error": "invalid_grant"})
        return self._say(200, told)

    def _say(self, status: int, value: dict[str, Any]) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_provider(now_s: Callable[[], int]) -> Iterator[OidcProvider]:
    """Run a provider on a port of its own."""
    provider = OidcProvider(now_s=now_s)
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
