"""``/api/v2/sites``, what changes: sites and their settings, shared links, imports.

The rules are those of the portal's forms (``portal.commands``, ``portal.sites.switches``,
``portal.sharing.links``); people are ``people_views``. The one invariant: every change is one
transaction, and the edges are told after it.
"""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from portal.api.bodies import LinkBody, PublicBody, SettingsBody, SiteBody, as_text
from portal.api.callers import SITES_ADMIN, SITES_READ, SITES_WRITE, Caller, caller, caller_at
from portal.api.callers import token_with as token_of
from portal.api.kept import NotThereError
from portal.api.kept_views import blueprint as kept
from portal.api.kept_views import read_body, site_row
from portal.audit.recording import record_of_store
from portal.commands import add_site, create_token, remove_site, update_aliases
from portal.config import here
from portal.data.holds import refuse_held
from portal.models import ApiToken, ShareLink, Site, User
from portal.needs import OfToken, needs
from portal.sessions import end_reading, reading
from portal.sharing.links import (
    Wanted,
    change_link,
    last_day,
    link_of,
    links_of,
    make_link,
    read_origins,
)
from portal.sites.forms import as_typed
from portal.sites.publishing import publish_sites
from portal.sites.switches import SWITCHES, change_site
from store.imports import Import, find_import, list_imports, remove_import

blueprint = Blueprint("api_manage", __name__, url_prefix="/api/v2/sites")
_SECRET = frozenset({"debug_key"})

for kind, handler in kept.error_handler_spec[None][None].items():
    blueprint.register_error_handler(kind, handler)


@blueprint.post("")
@needs(OfToken(SITES_ADMIN))
def new_site() -> ResponseReturnValue:
    """Add a site to the team of the token's own, with a token for it like this one."""
    token = token_of(SITES_ADMIN)
    who = caller_at(token, SITES_ADMIN, token.site_id)
    return jsonify(add(who, SiteBody.model_validate(read_body()))), 201


def add(who: Caller, body: SiteBody) -> dict[str, Any]:
    """Add a site and a token for it.

    Raises:
        FieldError: A field is wrong, or a name is taken.
    """
    now = here().now()
    with here().database.writing() as session:
        team = session.get_one(Site, who.site.id).team.name
        site = add_site(
            session, body.host, body.upstream, timezone=body.timezone, team=team,
            aliases=body.aliases, now=now,
        )  # fmt: skip
        owner = session.get_one(User, who.user_id).email
        ends = session.get_one(ApiToken, who.token_id).expires_at
        text = create_token(session, owner, site.host, who.scopes, now=now, expires_at=ends)
        answer = {**site_row(site), "token": text}
    publish_sites()
    return answer


@blueprint.delete("/<site>")
@needs(OfToken(SITES_ADMIN))
def end_site(site: str) -> ResponseReturnValue:
    """Delete a site with its names, tokens and numbers."""
    who = caller(SITES_ADMIN, site)
    with here().database.writing() as session:
        remove_site(session, session.get_one(Site, who.site.id), here().now())
    publish_sites()
    return "", 204


@blueprint.get("/<site>/settings")
@needs(OfToken(SITES_WRITE))
def settings(site: str) -> ResponseReturnValue:
    """Show a site's settings; keys that are secret are not among them."""
    return jsonify(_settings(caller(SITES_WRITE, site).site))


def _settings(site: Site) -> dict[str, Any]:
    shown = {n: getattr(site, n) for n in SWITCHES if n not in _SECRET and n != "quiet"}
    return {"aliases": site.aliases, "quiet": as_typed(site)["quiet"], **shown}


@blueprint.patch("/<site>/settings")
@needs(OfToken(SITES_WRITE))
def change_settings(site: str) -> ResponseReturnValue:
    """Change the settings that are named."""
    who = caller(SITES_WRITE, site)
    given = SettingsBody.model_validate(read_body()).model_dump(exclude_unset=True)
    aliases = given.pop("aliases", None)
    changes = {name: as_text(value) for name, value in given.items()}
    with here().database.writing() as session:
        row = session.get_one(Site, who.site.id)
        if aliases is not None:
            update_aliases(session, row, aliases)
        change_site(session, row, changes, now=here().now())
        answer = _settings(row)
    publish_sites()
    return jsonify(answer)


@blueprint.put("/<site>/public")
@needs(OfToken(SITES_WRITE))
def publish(site: str) -> ResponseReturnValue:
    """Make the dashboard public, or private again."""
    who = caller(SITES_WRITE, site)
    body = PublicBody.model_validate(read_body())
    with here().database.writing() as session:
        session.get_one(Site, who.site.id).public = body.public
    return jsonify(public=body.public)


@blueprint.get("/<site>/links")
@needs(OfToken(SITES_WRITE))
def links(site: str) -> ResponseReturnValue:
    """List a site's shared links: a link is worth what it opens, so only who may change it sees."""
    who = caller(SITES_WRITE, site)
    return jsonify(links=[_link_row(row) for row in links_of(reading(), who.site.id)])


@blueprint.post("/<site>/links")
@needs(OfToken(SITES_WRITE))
def add_link(site: str) -> ResponseReturnValue:
    """Make a shared link."""
    who, body = _wanted(site)
    with here().database.writing() as session:
        own = session.get_one(Site, who.site.id)
        return jsonify(_link_row(make_link(session, own, body, here().now()))), 201


@blueprint.put("/<site>/links/<int:row_id>")
@needs(OfToken(SITES_WRITE))
def replace_link(site: str, row_id: int) -> ResponseReturnValue:
    """Replace what a shared link is; its address and its count stay."""
    who, body = _wanted(site)
    with here().database.writing() as session:
        row = _link(session, who, row_id)
        change_link(session, session.get_one(Site, who.site.id), row, body)
        session.flush()
        return jsonify(_link_row(row))


@blueprint.delete("/<site>/links/<int:row_id>")
@needs(OfToken(SITES_WRITE))
def end_link(site: str, row_id: int) -> ResponseReturnValue:
    """Revoke a shared link: it opens nothing from this moment on."""
    who = caller(SITES_WRITE, site)
    with here().database.writing() as session:
        session.delete(_link(session, who, row_id))
    return "", 204


def _wanted(site: str) -> tuple[Caller, Wanted]:
    who = caller(SITES_WRITE, site)
    body = LinkBody.model_validate(read_body())
    origins = read_origins(" ".join(body.embed_origins))
    given = body.model_dump() | {"sections": tuple(body.sections), "embed_origins": origins}
    return who, Wanted(**given)


def _link(session: Any, who: Caller, row_id: int) -> ShareLink:
    found = link_of(session, who.site.id, row_id)
    if found is None:
        raise NotThereError
    return found


def address_of(row: ShareLink) -> str:
    """Write the address that a shared link opens by."""
    base = here().config.public_url.rstrip("/") or request.host_url.rstrip("/")
    return f"{base}/share/{row.slug}"


def _link_row(row: ShareLink) -> dict[str, Any]:
    last = last_day(row, ZoneInfo(row.site.timezone))
    viewed = row.last_viewed_at
    return {
        "id": row.id,
        "name": row.name,
        "url": address_of(row),
        "sections": row.sections,
        "has_password": bool(row.password_hash),
        "expires_on": last.isoformat() if last else None,
        "segment_id": row.segment_id,
        "embed_origins": row.embed_origins,
        "views": row.views,
        "last_viewed_at": viewed.isoformat(timespec="seconds") if viewed else None,
    }


@blueprint.get("/<site>/imports")
@needs(OfToken(SITES_READ))
def imports(site: str) -> ResponseReturnValue:
    """List what was imported into a site."""
    who = caller(SITES_READ, site)
    end_reading()
    return jsonify(imports=[_import_row(row) for row in list_imports(here().store, who.site.id)])


@blueprint.delete("/<site>/imports/<name>")
@needs(OfToken(SITES_WRITE))
def end_import(site: str, name: str) -> ResponseReturnValue:
    """Remove an import with all its rows."""
    who = caller(SITES_WRITE, site)
    end_reading()
    found = find_import(here().store, who.site.id, name)
    if found is None or found.removed:
        raise NotThereError
    with here().database.reading() as session:
        refuse_held(session, who.site.id, here().now())
    remove_import(here().store, found)
    with here().database.writing() as session:
        subject = f"{found.file} ({found.name})"
        record_of_store(
            session, act="removed", subject=subject, site_id=found.site_id, at=here().now()
        )
    return "", 204


def _import_row(found: Import) -> dict[str, Any]:
    return {
        "id": found.name,
        "kind": found.kind.value,
        "format": found.format,
        "file": found.file,
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "rows": found.rows,
        "imported_at": found.at.isoformat(timespec="seconds"),
        "complete": found.complete,
    }
