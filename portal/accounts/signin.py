"""Who is signed in: Flask-Login's loader, and what the session holds.

The session holds the account's id and its ``session_key``; changing the key ends all sessions.
"""

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from portal.accounts.links import safe_path
from portal.models import User
from portal.sessions import reading


class SignedIn(UserMixin):  # type: ignore[misc] # flask_login has no types
    """The person behind a request: plain values, good after the database session has closed."""

    def __init__(self, user: User) -> None:
        self.id = user.id
        self.email = user.email
        self.is_admin = user.is_admin
        self._session_key = user.session_key

    def get_id(self) -> str:
        """Write what the session cookie holds."""
        return f"{self.id}.{self._session_key}"


def install_login(app: Flask) -> None:
    """Let Flask-Login ask us who a session belongs to."""
    manager = LoginManager(app)
    manager.login_view = "accounts.login"
    manager.login_message = None
    manager.session_protection = None  # It would keep a hash of the address and the browser.
    manager.user_loader(_load)
    manager.unauthorized_handler(_to_login)


def _to_login() -> ResponseReturnValue:
    """Send a page to the login; a piece of a page tells htmx to go there as a whole."""
    if "HX-Request" in request.headers:
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
        target = safe_path(f"{current.path}?{current.query}" if current.query else current.path)
        return "", 401, {"HX-Redirect": url_for("accounts.login", next=target)}
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("accounts.login", next=None if target == "/" else target))


def _load(text: str) -> SignedIn | None:
    number, _, key = text.partition(".")
    user = reading().get(User, int(number)) if number.isdecimal() else None
    return SignedIn(user) if user is not None and user.session_key == key else None


def sign_in(user: User) -> None:
    """Begin a new session for an account; nothing of the old one stays."""
    session.clear()
    session.permanent = True
    login_user(SignedIn(user))


def me() -> SignedIn:
    """Give the signed-in person; only where ``login_required`` stands before."""
    return cast("SignedIn", current_user)
