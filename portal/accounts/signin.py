"""Who is signed in: Flask-Login's loader, and what the session holds.

The session cookie holds the account's id, its ``session_key`` and the key of this browser's row in
``user_sessions``; changing the first or removing the second ends it. Somebody who has passed the
first step and owes the second one is not signed in: the cookie then holds a note of that, which is
no session (``portal.accounts.halfway``). The one invariant: signing in, and every change of what a
session may, begins a new one.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from flask import (
    Flask,
    Response,
    after_this_request,
    flash,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from portal.accounts.devices import device_name, remember
from portal.accounts.links import safe_path
from portal.accounts.people import SEEN_STEP, begin_session, end_session, find_session, note_seen
from portal.config import here
from portal.language import N_, _
from portal.models import User, UserSession
from portal.sessions import reading

LOCKED = N_("An administrator has locked this account.")
FRESH = timedelta(minutes=15)
"""How long a proof of who one is is good for changes of the account."""


class Way(StrEnum):
    """How somebody came in."""

    PASSWORD = "password"  # noqa: S105 - the name of a way
    PASSKEY = "passkey"
    SSO = "sso"


log = logging.getLogger(__name__)


class SignedIn(UserMixin):  # type: ignore[misc] # flask_login has no types
    """The person behind a request: plain values, good after the database session has closed."""

    def __init__(self, user: User, key: str, kept: UserSession | None = None) -> None:
        self.id = user.id
        self.email = user.email
        self.is_admin = user.is_admin
        self.language = user.language
        self.session_id = kept.id if kept is not None else 0
        self.way = Way(kept.way) if kept is not None else Way.PASSWORD
        self.proved_at = kept.proved_at if kept is not None else None
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
    manager.user_loader(find_signed_in)
    manager.unauthorized_handler(_to_login)


def _to_login() -> Response:
    if "HX-Request" in request.headers:
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
        target = safe_path(f"{current.path}?{current.query}" if current.query else current.path)
    else:
        target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return lead(url_for("accounts.login", next=None if target == "/" else target))


def lead(where: str) -> Response:
    """Send a page elsewhere; a piece of a page tells htmx to go there as a whole."""
    if "HX-Request" in request.headers:
        return make_response("", 401, {"HX-Redirect": where})
    return make_response(redirect(where))


def find_signed_in(text: str) -> SignedIn | None:
    """Find who a session belongs to, by what its cookie holds; None if it has ended."""
    number, _, keys = text.partition(".")
    session_key, _, key = keys.rpartition(".")
    if not number.isdecimal() or not key:
        return None
    now = here().now()
    found = find_session(reading(), int(number), key, now)
    if found is None or found.user.session_key != session_key or found.user.disabled:
        return None
    if now - found.seen_at > SEEN_STEP and not here().database.read_only:
        with here().database.writing() as writing:
            note_seen(writing, found.id, now)
    return SignedIn(found.user, key, found)


def sign_in(user: User, way: Way, *, proved_at: datetime | None) -> None:
    """Begin a new session for an account; nothing of the old one stays.

    ``proved_at`` is when its person last showed who they are: now, unless they only go on.
    """
    now = here().now()
    with here().database.writing() as writing:
        if current_user.is_authenticated and current_user.id == user.id:
            end_session(writing, user.id, current_user.session_id)
        key = begin_session(writing, user.id, device_name(), now, way=way, proved_at=proved_at)
    log.info("account %d signed in", user.id)
    session.clear()
    session.permanent = True
    login_user(SignedIn(user, key))
    email = user.email
    after_this_request(lambda response: remember(response, email))


def go_on(user: User) -> None:
    """Begin a new session in the place of this one, which proves no more than this one did."""
    sign_in(user, me().way, proved_at=me().proved_at)


def me() -> SignedIn:
    """Give the signed-in person; only where ``login_required`` stands before."""
    return cast("SignedIn", current_user)


def is_fresh() -> bool:
    """Tell whether the person has shown lately who they are."""
    proved_at = me().proved_at
    return proved_at is not None and here().now() - proved_at < FRESH


def freshly[**P](
    view: Callable[P, ResponseReturnValue],
) -> Callable[P, ResponseReturnValue]:
    """Let a signed-in person in only if they have shown lately who they are; else ask for that.

    What was sent is not kept: the person is led back to the page it came from.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if is_fresh():
            return view(*args, **kwargs)
        return prove_again()

    return guarded


def prove_again() -> ResponseReturnValue:
    """Lead to the page that asks who one is, and from there back."""
    back = request.full_path.rstrip("?")
    if request.method != "GET":
        came = urlsplit(request.referrer or "")
        back = safe_path(came.path, url_for("account.page"))
        flash(_("Nothing was changed yet: do it again once you have shown that it is you."), "warn")
    return redirect(url_for("again.page", next=back))
