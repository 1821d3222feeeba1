"""The page on which a site is shared: public or not, its links, and the code for frames.

What a link may be is ``portal.sharing.links``. The one invariant: only who may change the site can
see its links, because a link is worth what it opens.
"""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, PasswordField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional

from portal.config import here
from portal.dashboard.cards import CARDS
from portal.language import N_, _
from portal.models import ShareLink, Site
from portal.needs import needs
from portal.sessions import end_reading, reading
from portal.sharing.links import (
    Wanted,
    change_link,
    last_day,
    link_of,
    links_of,
    lockable,
    make_link,
    read_origins,
)
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.teams.rights import Right

blueprint = Blueprint("sharing_settings", __name__, url_prefix="/sites/<host>/sharing")
SECTIONS = {name: card.title for name, card in CARDS.items()}
WHOLE = ""
"""The choice of no segment."""


class LinkForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What a link is."""

    name = StringField(N_("Name"), [InputRequired(N_("Type a name.")), Length(max=80)])
    sections = SelectMultipleField(N_("Shows, besides the figures"), choices=SECTIONS)
    segment_id = StringField(N_("Locked to the segment"))
    expires_on = DateField(N_("Last day"), [Optional()])
    password = PasswordField(N_("Password"))
    no_password = BooleanField(N_("Take the password off"))
    embed_origins = StringField(N_("Pages that may frame it"))

    def wanted(self, *, new: bool) -> Wanted:
        """Give what was typed.

        Raises:
            FieldError: It cannot be read.
        """
        chosen = self.segment_id.data or WHOLE
        if not chosen.isascii() or (chosen and not chosen.isdecimal()) or len(chosen) > 9:  # noqa: PLR2004 - fits 32 bits
            raise FieldError("segment_id", _("There is no such segment."))
        typed = self.password.data or ""
        keeps = not (new or typed or self.no_password.data)
        return Wanted(
            name=self.name.data or "",
            sections=tuple(self.sections.data or ()),
            password=None if keeps else typed,
            expires_on=self.expires_on.data,
            segment_id=int(chosen) if chosen else None,
            embed_origins=read_origins(self.embed_origins.data or ""),
        )


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show how a site is shared."""
    return _page(site_or_stop(host), LinkForm(sections=list(CARDS)))


def _page(site: Site, form: LinkForm) -> tuple[str, int]:
    shown = render_template(
        "sharing/page.html",
        site=site,
        form=form,
        links=links_of(reading(), site.id),
        segments=_segments(site),
        base=here().config.public_url.rstrip("/") or request.host_url.rstrip("/"),
        now=here().now(),
        sections=SECTIONS,
    )
    return shown, 422 if form.errors else 200


def _segments(site: Site) -> dict[str, str]:
    found = {str(segment.id): segment.name for segment in lockable(reading(), site.id)}
    return {WHOLE: _("None: all visits")} | found


@blueprint.post("/public")
@needs(Right.EDIT_SITE)
def publish(host: str) -> ResponseReturnValue:
    """Make the dashboard public, or private again."""
    site = site_or_stop(host)
    public = request.form.get("public") == "on"
    with here().database.writing() as session:
        session.get_one(Site, site.id).public = public
    flash(_("Anybody may read the dashboard now.") if public else _("It is private again."), "good")
    return redirect(url_for("sharing_settings.page", host=site.host))


@blueprint.post("")
@needs(Right.EDIT_SITE)
def add(host: str) -> ResponseReturnValue:
    """Make a link."""
    site = site_or_stop(host)
    form = LinkForm()
    if form.validate_on_submit():
        try:
            wanted = form.wanted(new=True)
            with here().database.writing() as session:
                make_link(session, session.get_one(Site, site.id), wanted, here().now())
        except FieldError as error:
            _show(form, error)
        else:
            flash(_("The link is made. Whoever has it can open it."), "good")
            return redirect(url_for("sharing_settings.page", host=site.host))
    return _page(site, form)


@blueprint.route("/<int:link_id>", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
def change(host: str, link_id: int) -> ResponseReturnValue:
    """Show and change one link."""
    site = site_or_stop(host)
    link = _link(site, link_id)
    form = LinkForm(data=_as_typed(link, site))
    if form.validate_on_submit():
        try:
            _change(site.id, link.id, form.wanted(new=False))
        except FieldError as error:
            _show(form, error)
        else:
            flash(_("Saved."), "good")
            return redirect(url_for("sharing_settings.page", host=site.host))
    shown = render_template(
        "sharing/change.html", site=site, link=link, form=form, segments=_segments(site)
    )
    return shown, 422 if form.errors else 200


def _link(site: Site, link_id: int) -> ShareLink:
    found = link_of(reading(), site.id, link_id)
    return found if found is not None else abort(404)


def _change(site_id: int, link_id: int, wanted: Wanted) -> None:
    with here().database.writing() as session:
        site = session.get_one(Site, site_id)
        change_link(session, site, session.get_one(ShareLink, link_id), wanted)


def _as_typed(link: ShareLink, site: Site) -> dict[str, Any]:
    return {
        "name": link.name,
        "sections": link.sections,
        "segment_id": str(link.segment_id or WHOLE),
        "expires_on": last_day(link, _zone(site)),
        "embed_origins": " ".join(link.embed_origins),
    }


def _zone(site: Site) -> ZoneInfo:
    return ZoneInfo(site.timezone)


@blueprint.post("/<int:link_id>/end")
@needs(Right.EDIT_SITE)
def end(host: str, link_id: int) -> ResponseReturnValue:
    """Revoke a link: it opens nothing from this moment on."""
    site = site_or_stop(host)
    link = _link(site, link_id)
    end_reading()
    with here().database.writing() as session:
        session.delete(session.get_one(ShareLink, link.id))
    flash(_("The link “%(name)s” no longer opens.", name=link.name), "good")
    return redirect(url_for("sharing_settings.page", host=site.host))


def _show(form: FlaskForm, error: FieldError) -> None:
    field = error.field if error.field in form else "name"
    form[field].errors = [*form[field].errors, str(error)]
