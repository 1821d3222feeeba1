"""Between the two steps of signing in: who has passed the first and owes the second.

The cookie holds a signed note: whose it is, until when, where to go. It is no session: nothing
reads it but the second step's pages. The one invariant: a note is good for ten minutes, once, and
only while the account's password and sessions are what they were.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from flask import abort, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.accounts.once import LIFETIME, spend
from portal.accounts.people import end_session
from portal.accounts.signin import LOCKED, Way, sign_in
from portal.commands import hash_secret
from portal.config import here
from portal.models import User
from portal.sessions import end_reading, reading

_KEY = "halfway"


@dataclass(frozen=True, slots=True)
class Halfway:
    """Somebody who has passed the first step."""

    user: User
    way: Way
    target: str
    nonce: str


def enter(user_id: int, way: Way, target: str, *, both_steps: bool = False) -> ResponseReturnValue:
    """Sign in who has passed the first step, or lead to the second one if the account has one."""
    end_reading()
    user = reading().get_one(User, user_id)
    if user.disabled:
        abort(403, LOCKED)
    if both_steps or not user.has_factor:
        sign_in(user, way, proved_at=here().now())
        return redirect(target)
    if current_user.is_authenticated:
        with here().database.writing() as writing:
            end_session(writing, current_user.id, current_user.session_id)
    session.clear()
    session[_KEY] = {
        "user": user.id,
        "as_of": hash_secret(user.session_key),
        "way": way.value,
        "target": target,
        "at": here().now().timestamp(),
        "nonce": secrets.token_urlsafe(16),
    }
    return redirect(url_for("second.page"))


def halfway() -> Halfway | None:
    """Find who has passed the first step in this browser, if the note is still good."""
    note = session.get(_KEY)
    if note is None:
        return None
    user = reading().get(User, note["user"])
    age_s = here().now().timestamp() - note["at"]
    if user is None or hash_secret(user.session_key) != note["as_of"]:
        return None
    if not 0 <= age_s < LIFETIME.total_seconds():
        return None
    return Halfway(user, Way(note["way"]), note["target"], note["nonce"])


def finish(found: Halfway, now: datetime) -> ResponseReturnValue | None:
    """Sign in who has passed the second step too; None if the note was used before."""
    with here().database.writing() as writing:
        if not spend(writing, found.nonce, now):
            return None
    sign_in(found.user, found.way, proved_at=now)
    return redirect(found.target)
