"""The language that somebody reads: which one it is, and its texts.

Texts are written in English where they are used and looked up in gettext catalogues
(``translations/<language>/LC_MESSAGES/messages.po``, compiled beside it); how numbers, dates and
names are written is ``portal.writing``'s. What programs read (the API, commands, the log) is
English. The one invariant: whatever is said outside ``speaking`` and outside a request is English.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import flask_babel
from babel import Locale
from flask import Flask, Response, has_app_context, request
from flask_babel import Babel, force_locale
from flask_login import current_user

SOURCE = "en"
"""The language in which texts are written in the code."""
LANGUAGES: dict[str, str] = {SOURCE: "English", "fr": "Français"}
"""Every language that is complete, under its own name."""
PARAMETER = "lang"
"""In an address, the language in which one page is shown."""
DIRECTORIES = "translations"
_OF_PROGRAMS = ("/api/", "/static/")
_OF_READERS = ("/share/", "/public/", "/embed/")
"""Pages without an account: they never look for one."""


def N_(text: str) -> str:  # noqa: N802 - gettext's name
    """Mark a text that is looked up where it is shown, by ``_`` or the filter ``translated``."""
    return text


def _(text: str, /, **values: Any) -> str:
    """Say a text in the language of whoever reads it; ``values`` take their ``%(name)s``."""
    return str(flask_babel.gettext(text, **values)) if text else ""


def ngettext(one: str, many: str, num: int, /, **values: Any) -> str:
    """Say a text in the form that a number asks for; ``%(num)s`` is the number."""
    return str(flask_babel.ngettext(one, many, num, **values))


def locale() -> Locale:
    """Give the conventions of the language that is spoken now."""
    return flask_babel.get_locale() or Locale.parse(SOURCE)


def spoken() -> str:
    """Name the language that is spoken now, as in ``LANGUAGES``."""
    return locale().language


def chosen_language() -> str:
    """Choose for a request: the address, the account's setting, the browser's wishes, English."""
    if request.path.startswith(_OF_PROGRAMS):
        return SOURCE
    asked = request.args.get(PARAMETER)
    if asked in LANGUAGES:
        return asked
    is_reader = request.path.startswith(_OF_READERS)
    if not is_reader and current_user.is_authenticated and current_user.language in LANGUAGES:
        return str(current_user.language)
    return request.accept_languages.best_match(LANGUAGES, SOURCE)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say what is said inside in a language, also where no request is answered."""
    context = nullcontext() if has_app_context() else _without_requests().app_context()
    with context, force_locale(language if language in LANGUAGES else SOURCE):
        yield


@cache
def _without_requests() -> Flask:
    """Give what knows the catalogues outside the portal's own application."""
    app = Flask("portal")
    _install_babel(app, lambda: SOURCE)
    return app


def _install_babel(app: Flask, choose: Callable[[], str]) -> None:
    Babel(
        app,
        default_locale=SOURCE,
        default_translation_directories=DIRECTORIES,
        locale_selector=choose,
    )


def translated(said: Any) -> Any:
    """Look up a marked text, or each value of a dict of them; the filter of that name."""
    if isinstance(said, dict):
        return {name: _(str(text)) for name, text in said.items()}
    return _(str(said))


def install_language(app: Flask) -> None:
    """Let pages speak, and say in which language they do."""
    _install_babel(app, chosen_language)
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.filters["translated"] = translated
    app.jinja_env.globals["language"] = spoken

    @app.after_request
    def name_language(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Language"] = spoken()
            response.vary.add("Accept-Language")
        return response
