"""What each route needs of who calls: declared once, at the route itself.

``needs`` marks a view. Pages of sites and teams take the right they ask for from the mark
(``portal.sites.access``, ``portal.teams.views``), so it cannot say one thing and do another; that
the rest does what it says is shown by ``tests/portal/access``, which walks every route as every
kind of caller. The one invariant: there is no route without a mark.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import Flask, current_app, request

from portal.teams.rights import Right

_MARK = "needs"


class Who(StrEnum):
    """A caller of whom no right over a site or a team is asked."""

    ANYBODY = "anybody"
    """Without an account; what is answered is nobody's in particular."""
    READER = "reader"
    """Whoever has a shared link, and its password where it has one, or opens a public dashboard."""
    LINK_HOLDER = "link_holder"
    """Whoever has the one-time link that is in the address."""
    SIGNED_IN = "signed_in"
    """Any account, for what is its own."""
    ADMINISTRATOR = "administrator"
    """An administrator of the installation."""


@dataclass(frozen=True, slots=True)
class OfToken:
    """A token with a scope, while its owner holds the right that the scope stands for.

    With ``right``, they must hold that one over the site as well.
    """

    scope: str
    right: Right | None = None


type Need = Who | Right | OfToken
"""A right is over the site (``<host>``) or the team (``<team_id>``) in the address; where there is
neither, it must be held in some team."""


def needs[View: Callable[..., Any]](need: Need) -> Callable[[View], View]:
    """Mark a view with what it needs; stands below the route."""

    def mark(view: View) -> View:
        setattr(view, _MARK, need)
        return view

    return mark


def declared(app: Flask, endpoint: str) -> Need | None:
    """Read a route's mark; None if it has none. Files of ours are anybody's."""
    if endpoint == "static":
        return Who.ANYBODY
    found: Need | None = getattr(app.view_functions[endpoint], _MARK, None)
    return found


def declared_right() -> Right:
    """Give the right that the route of this request needs.

    Raises:
        RuntimeError: It declares none: a mistake of ours, answered as any other.
    """
    need = declared(current_app, request.endpoint or "")
    if not isinstance(need, Right):
        message = f"{request.endpoint} declares no right: put @needs(Right.…) below its route."
        raise RuntimeError(message)  # noqa: TRY004 - not a value's type: a route without its mark.
    return need
