"""Who acts: the person behind a request, the owner of a token, or a command.

From where is one of ``Via``; an address is never kept. The one invariant: who it is comes from the
session or the token that the request was let in by, never from what the request says.
"""

from dataclasses import dataclass
from enum import StrEnum

from flask import g, has_request_context
from flask_login import current_user


class Via(StrEnum):
    """The way a change came in."""

    PORTAL = "portal"
    API = "api"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, by e-mail address; empty where nobody was signed in."""

    who: str
    via: Via


COMMAND = Actor("", Via.COMMAND)
_KEY = "actor"


def note_token_owner(email: str) -> None:
    """Say that this request acts for the owner of a token."""
    setattr(g, _KEY, Actor(email, Via.API))


def note_person(email: str) -> None:
    """Say that this request acts for a person who is about to be signed in."""
    setattr(g, _KEY, Actor(email, Via.PORTAL))


def acting() -> Actor:
    """Tell who acts at this moment."""
    if not has_request_context():
        return COMMAND
    found: Actor | None = g.get(_KEY)
    if found is not None:
        return found
    return Actor(current_user.email if current_user.is_authenticated else "", Via.PORTAL)
