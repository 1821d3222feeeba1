"""Pages of changes: of a site for its admins, of the installation for administrators.

The one invariant: a site's page holds that site's entries only; the installation's is for its
administrators, and holds settings, never numbers.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.accounts.signin import me
from portal.audit.actors import Via
from portal.audit.reading import (
    MAX_EXPORT_ROWS,
    PAGE_ROWS,
    Filter,
    entries,
    render_csv,
    render_json,
)
from portal.language import N_
from portal.models import Base, Site
from portal.needs import Who, needs
from portal.sessions import reading
from portal.sites.access import site_or_stop
from portal.teams.rights import Right

blueprint = Blueprint("audit", __name__)
ACTS = (N_("added"), N_("changed"), N_("removed"), N_("downloaded"))
OF_STORE = {"events", "imports"}
"""Kinds of what is recorded that are no tables of the accounts."""
VIAS = (N_("portal"), N_("api"), N_("command"))
"""What acts and ways are called; each is its own value."""
MAX_PAGE = 10_000
_WRITERS: dict[str, tuple[Callable[..., str], str]] = {
    "csv": (render_csv, "text/csv; charset=utf-8"),
    "json": (render_json, "application/json"),
}


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("/sites/<host>/changes")
@needs(Right.SEE_CHANGES)
def of_site(host: str) -> ResponseReturnValue:
    """Show who changed what of a site."""
    return _page(site_or_stop(host))


@blueprint.get("/sites/<host>/changes.<any(csv, json):form>")
@needs(Right.SEE_CHANGES)
def of_site_as(host: str, form: str) -> ResponseReturnValue:
    """Write a site's changes to a file."""
    return _file(form, site_or_stop(host))


@blueprint.get("/admin/changes")
@needs(Who.ADMINISTRATOR)
def all_changes() -> ResponseReturnValue:
    """Show who changed what of the installation."""
    _only_administrators()
    return _page(None)


@blueprint.get("/admin/changes.<any(csv, json):form>")
@needs(Who.ADMINISTRATOR)
def all_changes_as(form: str) -> ResponseReturnValue:
    """Write the installation's changes to a file."""
    _only_administrators()
    return _file(form, None)


def _only_administrators() -> None:
    if not me().is_admin:
        abort(403)


def _page(site: Site | None) -> str:
    wanted = _wanted()
    page = min(max(request.args.get("page", 0, type=int), 0), MAX_PAGE)
    site_id = site.id if site else None
    rows = entries(reading(), wanted, site_id, limit=PAGE_ROWS + 1, offset=page * PAGE_ROWS)
    name = "audit.of_site" if site else "audit.all_changes"
    values: dict[str, Any] = {"host": site.host} if site else {}
    return render_template(
        "audit/page.html",
        site=site,
        rows=rows[:PAGE_ROWS],
        has_more=len(rows) > PAGE_ROWS,
        page=page,
        wanted=wanted,
        address=lambda **more: url_for(name, **values, **{**wanted.args(), **more}),
        file=lambda form: url_for(f"{name}_as", **values, **wanted.args(), form=form),
        choices={
            "via": [via.value for via in Via],
            "act": ACTS,
            "kind": sorted(OF_STORE | set(Base.metadata.tables)),
        },
    )


def _file(form: str, site: Site | None) -> Response:
    rows = entries(reading(), _wanted(), site.id if site else None, limit=MAX_EXPORT_ROWS)
    render, kind = _WRITERS[form]
    headers = {"Content-Disposition": f'attachment; filename="changes.{form}"'}
    return Response(render(rows), content_type=kind, headers=headers)


def _wanted() -> Filter:
    """Read the URL's filter; a day that is none does not narrow."""
    text = {name: request.args.get(name, "")[:254] for name in ("who", "via", "act", "kind")}
    return Filter(**text, first=_day("first"), last=_day("last"))


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
