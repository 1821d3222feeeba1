"""The page of a site's custom properties: what events have, what is listed, by what name."""

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.config import here
from portal.language import _
from portal.models import Site
from portal.needs import needs
from portal.properties.known import (
    MAX_KEY,
    MAX_LABEL,
    Property,
    Wish,
    properties_of,
    say,
    wishes_of,
)
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.teams.rights import Right
from store.client import StoreError, StoreUnavailable

blueprint = Blueprint("properties", __name__, url_prefix="/sites/<host>/settings/properties")
log = logging.getLogger(__name__)
MAX_KEYS = 300


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show the properties that events of the last 91 days had."""
    site = site_or_stop(host, Right.EDIT_SITE)
    return render_template(
        "properties/page.html",
        site=site,
        properties=_properties(site),
        max_label=MAX_LABEL,
        may_edit=True,
    )


def _properties(site: Site) -> list[Property] | None:
    """List them; None while the store is away."""
    wishes = wishes_of(reading(), site.id)
    try:
        return properties_of(here().store, site.id, wishes, here().now())
    except (StoreUnavailable, StoreError) as error:
        log.warning("properties cannot be listed: %s", error)
        return None


@blueprint.post("")
@needs(Right.EDIT_SITE)
def change(host: str) -> ResponseReturnValue:
    """Save which properties are listed, and their names."""
    site = site_or_stop(host, Right.EDIT_SITE)
    keys = [key[:MAX_KEY] for key in request.form.getlist("key")[:MAX_KEYS]]
    labels = request.form.getlist("label")
    listed = set(request.form.getlist("listed"))
    with here().database.writing() as session:
        for key, label in zip(keys, labels, strict=False):
            if key:
                say(session, site.id, key, Wish(label.strip()[:MAX_LABEL], key in listed))
    flash(_("Saved."), "good")
    return redirect(url_for("properties.page", host=site.host))
