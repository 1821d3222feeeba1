"""Taking the picture of a page, seeing it before it is kept, and letting it go.

The person opens the page in their own browser, by an address with a ticket; the edge cleans what it
serves there. The one invariant: a picture that is not kept yet is shown to nobody but who asked for
it, and only who may edit the site asks.
"""

import logging
import re
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from portal.accounts.signin import me
from portal.config import here
from portal.language import N_, _
from portal.models import PagePicture, Site
from portal.needs import needs
from portal.pictures.known import (
    MOST_OF_A_SITE,
    Wish,
    ask_for,
    html_of,
    keep,
    kept_pictures,
    policy_of,
    row_of,
)
from portal.pictures.ways import Pictures
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.sites.rows import complain
from portal.teams.rights import Right

log = logging.getLogger(__name__)
blueprint = Blueprint("pictures", __name__, url_prefix="/sites/<host>/behaviour/pictures")
_LONGEST = 2_000
_HOST = re.compile(r"[a-z0-9.-]{1,253}(?::\d{1,5})?")


class PictureForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """Which page, and what of it."""

    page = StringField(N_("Page"))
    address = StringField(N_("Its address"))
    hides_words = BooleanField(N_("Hide words, numbers and images"))


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show a site's pictures, and the form of a new one; the URL may name its page."""
    site = site_or_stop(host)
    asked = request.args.get("page", "").replace("\0", "")[:_LONGEST]
    ways = here().config.pictures
    origin = ways.origin(site.host) if ways is not None else f"https://{site.host}"
    address = origin + (asked if asked.startswith("/") else "/")
    return _page(site, PictureForm(data={"page": asked or "/", "address": address}))


def _page(site: Site, form: PictureForm) -> ResponseReturnValue:
    shown = render_template(
        "pictures/page.html",
        site=site,
        form=form,
        pictures=kept_pictures(reading(), site.id, here().now()),
        may_edit=True,
        can_take=here().config.pictures is not None,
    )
    return shown, 422 if form.errors else 200


@blueprint.post("")
@needs(Right.EDIT_SITE)
def add(host: str) -> ResponseReturnValue:
    """Note that somebody takes a picture, and show how."""
    site, form = site_or_stop(host), PictureForm()
    _ways()
    path = (form.page.data or "").strip().replace("\0", "")[:_LONGEST]
    address = _plain_address(form.address.data or "")
    if not path:
        complain(form, "page", _("Name the page as the lists do, such as /pricing."))
    if urlsplit(address).hostname not in {site.host, *site.aliases}:
        complain(
            form, "address", _("An address of %(host)s, such as https://%(host)s/.", host=site.host)
        )
    if len(kept_pictures(reading(), site.id, here().now())) >= MOST_OF_A_SITE:
        complain(
            form,
            "page",
            _(
                "A site keeps %(most_of_a_site)s pictures. Delete some first.",
                most_of_a_site=MOST_OF_A_SITE,
            ),
        )
    if form.errors:
        return _page(site, form)
    who, wish = me().email, Wish(path, address, bool(form.hides_words.data))
    end_reading()
    with here().database.writing() as session:
        found = session.get_one(Site, site.id)
        number = ask_for(session, found, wish, who, here().now()).id
    return redirect(url_for("pictures.one", host=site.host, picture_id=number))


@blueprint.get("/<int:picture_id>")
@needs(Right.EDIT_SITE)
def one(host: str, picture_id: int) -> ResponseReturnValue:
    """Show a picture: how to take it, what came, or what is kept."""
    site, row = _found(host, picture_id)
    arrived = _fetch(row) if row.taken_at is None else None
    return render_template(
        "pictures/one.html",
        site=site,
        picture=row,
        arrived=arrived,
        address=_ticketed(row) if row.taken_at is None else "",
        may_edit=True,
    )


@blueprint.get("/<int:picture_id>/arrived")
@needs(Right.EDIT_SITE)
def arrived(host: str, picture_id: int) -> ResponseReturnValue:
    """Tell a page that waits for the picture to load itself again once it came."""
    _, row = _found(host, picture_id)
    return "", 204, {"HX-Refresh": "true"} if _fetch(row) else {}


@blueprint.post("/<int:picture_id>/keep")
@needs(Right.EDIT_SITE)
def keep_it(host: str, picture_id: int) -> ResponseReturnValue:
    """Keep a picture that came, with the foreign hosts that were allowed."""
    site, row = _found(host, picture_id)
    found = _fetch(row) if row.taken_at is None else None
    if found is None:
        flash(_("There is no picture to keep: its time is over. Take it again."), "bad")
        return redirect(url_for("pictures.page", host=site.host, page=row.page))
    chosen = set(request.form.getlist("hosts"))
    hosts = [name for name in found["hosts"] if name in chosen and _HOST.fullmatch(name)]
    number, nonce, path = row.id, row.nonce, row.page
    end_reading()
    with here().database.writing() as session:
        kept = session.get_one(PagePicture, number)
        keep(session, kept, found["html"], found["path"], hosts, here().now())
    _forget(site.id, nonce)
    flash(_("The picture is kept. Clicks and scrolling are drawn over it."), "good")
    return redirect(url_for("behaviour.page_map", host=site.host, page=path))


@blueprint.post("/<int:picture_id>/delete")
@needs(Right.EDIT_SITE)
def delete(host: str, picture_id: int) -> ResponseReturnValue:
    """Let a picture go, kept or not."""
    site, row = _found(host, picture_id)
    number, nonce = row.id, row.nonce
    end_reading()
    with here().database.writing() as session:
        session.delete(session.get_one(PagePicture, number))
    _forget(site.id, nonce)
    flash(_("The picture is gone."), "good")
    return redirect(url_for("pictures.page", host=site.host))


@blueprint.get("/<int:picture_id>/page")
@needs(Right.VIEW_STATS)
def document(host: str, picture_id: int) -> ResponseReturnValue:
    """Give the picture itself, a document in which nothing runs."""
    site = site_or_stop(host)
    row = row_of(reading(), site.id, picture_id, here().now())
    if row is None:
        abort(404)
    if row.taken_at is not None:
        html, hosts = html_of(row), list(row.hosts)
    elif row.asked_by == me().email and (found := _fetch(row)):
        html, hosts = found["html"], []
    else:
        abort(404)
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy_of(site, row.address, hosts)
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _ways() -> Pictures:
    return here().config.pictures or abort(404)


def _found(host: str, picture_id: int) -> tuple[Site, PagePicture]:
    """Find a picture that this person may handle: any that is kept, of the others their own."""
    site = site_or_stop(host)
    row = row_of(reading(), site.id, picture_id, here().now())
    if row is None or (row.taken_at is None and row.asked_by != me().email):
        abort(404)
    return site, row


def _fetch(row: PagePicture) -> dict[str, Any] | None:
    try:
        return _ways().fetch(row.site_id, row.nonce)
    except Exception:
        log.exception("the edges' pictures cannot be fetched")
        return None


def _forget(site_id: int, nonce: str) -> None:
    """Let the edges' copy go; if they cannot be asked, it goes by itself."""
    ways = here().config.pictures
    try:
        if ways is not None:
            ways.forget(site_id, nonce)
    except Exception:
        log.exception("a picture waits on until its time is over")


def _ticketed(row: PagePicture) -> str:
    address = _ways().address
    return address(row.site_id, row.address, row.nonce, row.expires_at, hides_words=row.hides_words)


def _plain_address(typed: str) -> str:
    """Read an address of a page; empty if it is none."""
    try:
        parts = urlsplit(typed.strip()[:_LONGEST])
        ours = parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc.lower())
    except ValueError:
        return ""
    return parts._replace(fragment="", path=parts.path or "/").geturl() if ours else ""
