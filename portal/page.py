"""What every template knows: files with their content in the URL, icons, numbers, the theme."""

import hashlib
from functools import cache
from typing import Any

from flask import Flask, Response, request, url_for
from flask_login import current_user

from portal import writing
from portal.accounts.views import THEMES, theme_cookie
from portal.admin.banner import banner_of
from portal.config import here
from portal.dashboard import figures, marks, places
from portal.dashboard.members import hosts_to_switch_to
from portal.language import N_
from portal.sessions import reading
from portal.sites.tabs import GROUPS
from portal.styles import BUNDLE, STATIC, bundle

WORLD_BOX = "0 8 900 400"
"""The part of the map of the world that is drawn: without what lies south of all cities."""
SCRIPT_TEXTS = {
    "failed": N_("These numbers could not be loaded. The rest of the page is right."),
    "again": N_("Try again"),
    "request": N_("Request {id}"),
    "before": N_("{value} on {day}"),
}
"""What scripts say; ``base.html`` hands it to them, looked up."""
PASSKEY_TEXTS = {
    "InvalidStateError": N_("This device has a passkey for your account already."),
    "NotAllowedError": N_("Nothing was chosen, or it took too long."),
    "SecurityError": N_("The browser allows no passkey at this address."),
    "other": N_("The browser could not do that."),
}
"""What goes wrong with a passkey, by the browser's name of it."""
HEAT_TEXTS = {
    "reached": N_("The page from top to end; the warmer, the more views reached it."),
    "placed": N_("{number} of {total} clicks lie on elements of the picture."),
    "beside": N_("{number} are drawn at their place on the page."),
    "rest": N_("{number} on elements further down the list are not drawn."),
}
"""What is said of a map over the picture of a page."""
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _fingerprint(name: str) -> str:
    file = STATIC / name
    if name != BUNDLE and not file.is_file():
        return ""
    return hashlib.sha256(bundle() if name == BUNDLE else file.read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """Give the URL of a static file; its content is part of it, so that it can be kept for ever."""
    return url_for("static", filename=name, v=_fingerprint(name))


def has_asset(name: str) -> bool:
    """Tell whether a static file is installed."""
    return bool(_fingerprint(name))


def _theme() -> str:
    chosen = request.cookies.get(theme_cookie(), "system")
    return chosen if chosen in THEMES else "system"


def _banner() -> dict[str, Any] | None:
    """Give what administrators tell everybody; those who are not signed in are not told."""
    return banner_of(reading()) if current_user.is_authenticated else None


def install_page(app: Flask) -> None:
    """Put names and filters into the templates, and let browsers keep fingerprinted files."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        short=figures.short,
        full=figures.full,
        listed=figures.listed,
        day=writing.day,
        moment=writing.moment,
        short_day=writing.short_day,
        decimals=writing.decimals,
        percent=writing.percent,
        size=writing.size,
        seconds=writing.seconds,
    )
    app.jinja_env.globals.update(
        asset=asset,
        has_asset=has_asset,
        shown=places.shown,
        mark=marks.mark,
        flag=marks.flag,
        UNITS=figures.UNITS,
        COLUMNS=figures.COLUMNS,
        HINTS=figures.HINTS,
        SITE_TABS=GROUPS,
        hosts_to_switch_to=hosts_to_switch_to,
        WORLD_BOX=WORLD_BOX,
        SCRIPT_TEXTS=SCRIPT_TEXTS,
        PASSKEY_TEXTS=PASSKEY_TEXTS,
        HEAT_TEXTS=HEAT_TEXTS,
    )

    @app.context_processor
    def put_theme() -> dict[str, Any]:
        config = here().config
        signup = config.open_signup and config.send_mail is not None
        return {"theme": _theme(), "open_signup": signup, "banner": _banner}

    @app.after_request
    def keep_files(response: Response) -> Response:
        if request.endpoint == "static" and request.args.get("v") and response.status_code < 300:  # noqa: PLR2004 - success
            response.headers["Cache-Control"] = _FOR_EVER
        return response
