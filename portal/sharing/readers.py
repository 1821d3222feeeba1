"""Addresses for readers without an account: public dashboards, shared links and frames.

The pages are the members' own (``portal.dashboard.pages``), given another ``Look``. The one
invariant: the slug or the public site is looked up for every request, before anything is asked; and
no cookie is set unless a link has a password.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask import url_for as path_to
from flask.typing import ResponseReturnValue

from portal.accounts.passwords import is_password
from portal.config import here
from portal.dashboard import pages
from portal.dashboard.look import Frame, Look
from portal.language import N_, PARAMETER, _
from portal.models import ShareLink
from portal.needs import Who, needs
from portal.properties.known import unlisted_of
from portal.security import frame_policy
from portal.sessions import end_reading, reading
from portal.sharing.links import count_view, open_link, public_site
from portal.sharing.passwords import PasswordForm
from portal.sharing.unlocking import is_unlocked, unlock

blueprint = Blueprint("sharing", __name__)
THEMES = ("system", "light", "dark")
WHOLE = "all"
_COLOUR = re.compile(r"[0-9a-f]{6}")
_FRAME = "/share/<slug>/embed/<theme>/<background>/<part>"
_WRONG = N_("That is not the password.")
_SLOW = N_("Too many tries. Wait %(seconds)s seconds, then try again.")

type Page = Callable[..., ResponseReturnValue]


@blueprint.after_request
def keep_out_of_indexes(response: Response) -> Response:
    """Ask crawlers to leave shared numbers alone; public ones may be found."""
    if request.path.startswith("/share/"):
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _public(host: str) -> Look:
    site = public_site(reading(), host)
    if site is None:
        abort(404)
    home = path_to("sharing.public", host=site.host)
    return Look(site, home, unlisted=unlisted_of(reading(), site.id))


def _look(link: ShareLink, home: str) -> Look:
    return Look(
        link.site,
        home,
        sections=frozenset(link.sections),
        segment_id=link.segment_id,
        title=link.name,
        unlisted=unlisted_of(reading(), link.site_id),
    )


def _link(slug: str) -> ShareLink:
    link = open_link(reading(), slug, here().now())
    return link if link is not None else abort(404)


def _shared(slug: str) -> Look:
    """See what a link shows; a piece of a page has no room for a password's form."""
    link = _link(slug)
    if not is_unlocked(link):
        abort(404)
    return _look(link, path_to("sharing.shared", slug=slug))


def _framed(slug: str, theme: str, background: str, part: str) -> tuple[Look, list[str]]:
    link = _link(slug)
    painted = background in {"page", "transparent"} or _COLOUR.fullmatch(background)
    closed = not link.embed_origins or bool(link.password_hash)
    if closed or theme not in THEMES or not painted:
        abort(404)
    home = path_to("sharing.framed", slug=slug, theme=theme, background=background, part=part)
    look = replace(_look(link, home), frame=Frame(theme, background))
    if part != WHOLE:
        if part not in look.cards:
            abort(404)
        look = replace(look, sections=frozenset({part}))
    return look, list(link.embed_origins)


def _count(slug: str) -> None:
    """Count an opening; what a page loads of itself is none."""
    if "HX-Request" in request.headers or "inline" in request.args:
        return
    if here().database.read_only:
        return
    link_id = _link(slug).id
    end_reading()
    with here().database.writing() as session:
        count_view(session, link_id, here().now())


@blueprint.get("/public/<host>")
@needs(Who.READER)
def public(host: str) -> ResponseReturnValue:
    """Show a public dashboard."""
    return pages.overview(_public(host))


@blueprint.route("/share/<slug>", methods=["GET", "POST"])
@needs(Who.READER)
def shared(slug: str) -> ResponseReturnValue:
    """Show what a link opens, or ask for its password without a word on what is behind."""
    link = _link(slug)
    if not is_unlocked(link):
        return _ask_password(link)
    if request.method == "POST":
        return redirect(path_to("sharing.shared", slug=slug))
    _count(slug)
    return pages.overview(_shared(slug))


def _ask_password(link: ShareLink) -> ResponseReturnValue:
    form = PasswordForm()
    if not form.validate_on_submit():
        return render_template("sharing/password.html", form=form, problem=None)
    wait_s = here().link_tries.take(str(link.id), here().now().timestamp())
    if wait_s:
        problem = _(_SLOW, seconds=wait_s)
        return render_template("sharing/password.html", form=form, problem=problem), 429
    if not is_password(link.password_hash, form.password.data or ""):
        return render_template("sharing/password.html", form=form, problem=_(_WRONG)), 401
    home = path_to("sharing.shared", slug=link.slug)
    asked = request.args.get(PARAMETER)
    response = make_response(redirect(path_to("sharing.shared", slug=link.slug, lang=asked)))
    unlock(response, link, home)
    return response


@blueprint.get(_FRAME)
@needs(Who.READER)
def framed(slug: str, theme: str, background: str, part: str) -> ResponseReturnValue:
    """Show what a link opens, or one card of it, inside another page."""
    look, origins = _framed(slug, theme, background, part)
    _count(slug)
    page = pages.overview(look) if part == WHOLE else pages.only_card(look, part)
    return _for_frames(page, origins)


def _for_frames(page: ResponseReturnValue, origins: list[str]) -> Response:
    response = make_response(page)
    response.headers["Content-Security-Policy"] = frame_policy(origins)
    return response


def _pieces(tail: str, page: Page) -> None:
    """Answer a piece of the dashboard under each kind of address."""
    name = page.__name__

    @needs(Who.READER)
    def of_public(host: str, **rest: str) -> ResponseReturnValue:
        return page(_public(host), **rest)

    @needs(Who.READER)
    def of_shared(slug: str, **rest: str) -> ResponseReturnValue:
        return page(_shared(slug), **rest)

    @needs(Who.READER)
    def of_framed(
        slug: str, theme: str, background: str, part: str, **rest: str
    ) -> ResponseReturnValue:
        look, origins = _framed(slug, theme, background, part)
        return _for_frames(page(look, **rest), origins)

    blueprint.add_url_rule(f"/public/<host>/{tail}", f"public_{name}", of_public)
    blueprint.add_url_rule(f"/share/<slug>/{tail}", f"shared_{name}", of_shared)
    blueprint.add_url_rule(f"{_FRAME}/{tail}", f"framed_{name}", of_framed)


_pieces("current", pages.current)
_pieces("cards/<name>", pages.card)
_pieces("details/<name>/<tab_name>", pages.details)
_pieces("details/<name>/<tab_name>.<any(csv, json, xlsx):kind>", pages.details_file)


@blueprint.get("/embed/background/<name>.css")
@needs(Who.ANYBODY)
def background(name: str) -> ResponseReturnValue:
    """Give the style sheet of a frame's background; the policy allows no inline style."""
    if name != "transparent" and not _COLOUR.fullmatch(name):
        abort(404)
    value = name if name == "transparent" else f"#{name}"
    headers = {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "public, max-age=86400"}
    rules = (
        f"html, body {{ background: {value}; }}\n.bar {{ position: static; background: none; }}\n"
    )
    return rules, 200, headers
