"""The live page of a site: as a page, as its inside alone, and as a stream of insides."""

from collections.abc import Callable
from time import sleep

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.accounts.signin import find_signed_in, me
from portal.config import here
from portal.dashboard.asking import asker_for
from portal.dashboard.bar import asker_of
from portal.dashboard.look import Look
from portal.dashboard.members import page_look, piece_look
from portal.live.now import ask_now
from portal.live.stream import TYPE, pieces
from portal.needs import needs
from portal.security import request_id
from portal.sessions import end_reading, reading
from portal.teams.rights import Right, find_site

REFRESH_S = "10"
blueprint = Blueprint("live", __name__, url_prefix="/sites/<host>/live")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.VIEW_STATS)
def page(host: str) -> ResponseReturnValue:
    """Show what is happening; ``refresh`` loads the page again by itself, without a script."""
    look = page_look(host)
    refresh = "refresh" in request.args
    page = render_template(
        "live/page.html",
        look=look,
        site=look.site,
        may_edit=look.may_edit,
        now=ask_now(asker_of(look), look.site),
        refresh=refresh,
        request_id=request_id(),
    )
    return page, 200, {"Refresh": REFRESH_S} if refresh else {}


@blueprint.get("/view")
@needs(Right.VIEW_STATS)
def view(host: str) -> ResponseReturnValue:
    """Give the inside of the page."""
    return _inside(piece_look(host))


def _inside(look: Look) -> str:
    asker = asker_for(look.site, look.person_id)
    end_reading()
    now = ask_now(asker, look.site)
    return render_template("live/view.html", look=look, site=look.site, now=now)


@blueprint.get("/stream")
@needs(Right.VIEW_STATS)
def stream(host: str) -> ResponseReturnValue:
    """Give the inside of the page as server-sent events, if there is a seat."""
    look, person, seats = piece_look(host), me().get_id(), here().live_seats
    site_id, home, every_s = look.site.id, look.home, here().config.live_every_s
    end_reading()
    if not seats.take():
        return "", 503, {"Retry-After": "60"}

    def look_again() -> str | None:
        signed_in = find_signed_in(person)
        if signed_in is None:
            return None
        site = find_site(reading(), signed_in.id, str(site_id), Right.VIEW_STATS)
        if site is None or site.id != site_id:
            return None
        return _inside(Look(site, home, person_id=signed_in.id))

    response = Response(pieces(_in_own_context(look_again), sleep, every_s), mimetype=TYPE)
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(seats.leave)
    return response


def _in_own_context(look_again: Callable[[], str | None]) -> Callable[[], str | None]:
    """Let each piece be made as a request of its own, so that nothing is held between two."""
    app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - flask's own way
    environ = {k: v for k, v in request.environ.items() if k != "werkzeug.request"}

    def made() -> str | None:
        with app.request_context(environ):
            return look_again()

    return made
