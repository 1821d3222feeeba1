"""The public page about a site's data, and the settings by which its owner publishes it.

The one invariant: without the owner's switch there is no page, and one that is off and one of no
site at all are the same answer.
"""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.config import here
from portal.data.facts import collected_facts, device_facts, kept_facts, opt_out_url
from portal.data.forms import MAX_TEXT, PrivacyForm
from portal.language import _
from portal.models import Site, SiteHost
from portal.needs import Who, needs
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.sites.rows import complain
from portal.teams.rights import Right

blueprint = Blueprint("privacy", __name__)
_TEXTS = ("privacy_contact", "privacy_processors", "privacy_basis")


@blueprint.get("/privacy/<host>")
@needs(Who.READER)
def page(host: str) -> ResponseReturnValue:
    """Show what is collected at a site, to anybody, if its owner says so."""
    name = reading().get(SiteHost, host.lower())
    if name is None or not name.site.privacy_page:
        abort(404)
    return _page(name.site)


def _page(site: Site) -> str:
    return render_template(
        "data/privacy.html",
        site=site,
        device=device_facts(site),
        collected=collected_facts(site),
        kept=kept_facts(site),
        opt_out=opt_out_url(site),
        today=here().now().date(),
    )


@blueprint.route("/sites/<host>/privacy", methods=["GET", "POST"])
@needs(Right.EDIT_SITE)
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def settings(host: str) -> ResponseReturnValue:
    """Show and change what the public page says and whether there is one."""
    site = site_or_stop(host)
    form = PrivacyForm(obj=site)
    if form.is_submitted() and _saved(form, site.id):
        flash(
            _("The page is public.") if form.privacy_page.data else _("Saved. No page is public."),
            "good",
        )
        return redirect(url_for("privacy.settings", host=site.host))
    base = here().config.public_url.rstrip("/")
    address = base + url_for("privacy.page", host=site.host)
    shown = render_template("data/privacy_settings.html", site=site, form=form, address=address)
    return shown, 422 if form.errors else 200


def _saved(form: PrivacyForm, site_id: int) -> bool:
    texts = {name: (form[name].data or "").strip() for name in _TEXTS}
    for name, text in texts.items():
        if len(text) > MAX_TEXT:
            complain(form, name, _("At most %(max_text)s characters.", max_text=MAX_TEXT))
    if form.privacy_page.data and not texts["privacy_contact"]:
        complain(form, "privacy_contact", _("Say who is responsible and how they are reached."))
    if form.errors:
        return False
    with here().database.writing() as session:
        site = session.get_one(Site, site_id)
        site.privacy_page = bool(form.privacy_page.data)
        for name, text in texts.items():
            setattr(site, name, text)
    end_reading()
    return True
