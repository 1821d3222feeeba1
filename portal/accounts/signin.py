"""Who is signed in: Flask-Login's loader, and what the session holds.

The session cookie holds the account's id, its ``session_key`` and the key of this browser's row in
``user_sessions``; changing the first or removing the second ends it. The one invariant: signing in,
and every change of what a session may, begins a new one.
"""

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, after_this_request, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from portal.accounts.devices import device_name, remember
from portal.accounts.links import safe_path
from portal.accounts.people import SEEN_STEP, begin_session, find_session, note_seen
from portal.config import here
from portal.models import User
from portal.sessions import reading


class SignedIn(UserMixin):  # type: ignore[misc] # flask_login has no types
    """The person behind a request: plain values, good after the database session has closed."""

    def __init__(self, user: User, key: str, session_id: int = 0) -> None:
        self.id = user.id
        self.email = user.email
        self.is_admin = user.is_admin
        self.session_id = session_id
        self._keys = f"{user.session_key}.{key}"

    def get_id(self) -> str:
        """Write what the session cookie holds."""
        return f"{self.id}.{self._keys}"


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
    number, _, keys = text.partition(".")
    session_key, _, key = keys.rpartition(".")
    if not number.isdecimal() or not key:
        return None
    now = here().now()
    found = find_session(reading(), int(number), key, now)
    if found is None or found.user.session_key != session_key or found.user.disabled:
        return None
    if now - found.seen_at > SEEN_STEP:
        with here().database.writing() as writing:
            note_seen(writing, found.id, now)
    return SignedIn(found.user, key, found.id)


def sign_in(user: User) -> None:
    """Begin a new session for an account; nothing of the old one stays."""
    with here().database.writing() as writing:
        key = begin_session(writing, user.id, device_name(), here().now())
    session.clear()
    session.permanent = True
    login_user(SignedIn(user, key))
    email = user.email
    after_this_request(lambda response: remember(response, email))


def me() -> SignedIn:
    """Give the signed-in person; only where ``login_required`` stands before."""
    return cast("SignedIn", current_user)
