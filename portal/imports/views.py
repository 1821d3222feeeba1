"""The page of a site's imports: upload a file, look at what is in it, bring it in, take it out.

What the files mean and how they are brought in is ``statflow.importing``, run beside the portal
(``statflow.uploading``). The one invariant: nothing is imported that was not checked whole before,
and that somebody who may edit the site did not ask for after that.
"""

import logging
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from werkzeug.datastructures import FileStorage

from portal.accounts.signin import me
from portal.audit.recording import record_of_store
from portal.config import here
from portal.imports.tickets import FIELD, Tickets
from portal.imports.uploads import (
    AT_WORK,
    MOST_OF_A_SITE,
    State,
    upload_of,
    uploads_of,
    want,
)
from portal.language import N_, _
from portal.models import Site, Upload
from portal.needs import needs
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.teams.rights import Right
from store.client import StoreError, StoreUnavailable
from store.imports import Import, find_import, list_imports, remove_import

blueprint = Blueprint("imports", __name__, url_prefix="/sites/<host>/settings/imports")
FORMATS = {
    "plausible": N_("Plausible: the archive of its CSV export"),
    "ga4": N_("Google Analytics 4: events of BigQuery, or daily reports"),
    "matomo": N_("Matomo: visits, from its API"),
    "umami": N_("Umami: website_event.csv"),
    "statflow": N_("Statflow: lines of JSON"),
}
"""By the command's name of each, as people know it."""
STATES = {
    State.UPLOADED: N_("waits to be checked"),
    State.CHECKING: N_("is being checked"),
    State.CHECKED: N_("checked"),
    State.WANTED: N_("waits to be imported"),
    State.IMPORTING: N_("is being imported"),
    State.DONE: N_("imported"),
    State.FAILED: N_("failed"),
}
_ROOM_LEFT_BYTES = 512 << 20
_UNUSUAL = re.compile(r"[^\w. ()+-]+")
_BIGGEST_ID = 2**31 - 1
log = logging.getLogger(__name__)


@blueprint.url_value_preprocessor
def allow_a_file(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Let a request be as large as a file where it has a ticket; forms alone are small."""
    if endpoint == "imports.add" and _tickets().is_good(request.args.get(FIELD, "")):
        request.max_content_length = here().config.upload_bytes + (1 << 20)


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.teardown_request
def let_go(_error: BaseException | None) -> None:
    """Close the file that came, wherever the request ended."""
    request.close()


def _tickets() -> Tickets:
    return Tickets(here().config.secret_key)


@blueprint.get("")
@needs(Right.EDIT_SITE)
def page(host: str) -> ResponseReturnValue:
    """Show what was imported, what is on its way, and the form of another file."""
    return _page(site_or_stop(host))


def _page(site: Site, problem: str = "") -> ResponseReturnValue:
    uploads = uploads_of(reading(), site.id)
    imports = _imports(site.id)
    shown = render_template(
        "imports/page.html",
        site=site,
        uploads=uploads,
        imports=imports,
        states=STATES,
        formats=FORMATS,
        problem=problem,
        form=request.form.get("form", ""),
        at_work=any(row.state in AT_WORK for row in uploads),
        most_bytes=here().config.upload_bytes if here().config.uploads else 0,
        action=url_for("imports.add", host=site.host, ticket=_tickets().make(me().id)),
        may_edit=True,
    )
    return shown, 422 if problem else 200


def _imports(site_id: int) -> list[Import] | None:
    """List what was imported, the newest first; None while the store is away."""
    try:
        return list_imports(here().store, site_id)[::-1]
    except (StoreUnavailable, StoreError) as error:
        log.warning("imports cannot be listed: %s", error)
        return None


@blueprint.post("")
@needs(Right.EDIT_SITE)
def add(host: str) -> ResponseReturnValue:
    """Take a file in, to be checked."""
    site = site_or_stop(host)
    folder, file, form = here().config.uploads, request.files.get("file"), request.form.get("form")
    problem = _problem(site, folder, file, form)
    if problem or folder is None or file is None or form is None:
        return _page(site, problem)
    upload = _kept(folder, site, file, form)
    with here().database.writing() as session:
        session.add(upload)
    flash(_("The file is here and will be checked now; nothing is imported yet."), "good")
    return redirect(url_for("imports.page", host=site.host))


def _problem(site: Site, folder: Path | None, file: FileStorage | None, form: str | None) -> str:
    """Say in a sentence why a file is not taken."""
    if folder is None or not here().config.upload_bytes:
        return _("Files cannot be uploaded here: use statflow import on a terminal.")
    if form not in FORMATS:
        return _("Choose what the file was exported from.")
    if file is None or not file.filename:
        return _("Choose a file.")
    if len(uploads_of(reading(), site.id)) >= MOST_OF_A_SITE:
        return _("Too many files wait here: import them, or throw some away.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(folder).free < (request.content_length or 0) + _ROOM_LEFT_BYTES:
        return _("There is not enough room for the file on the portal's disk.")
    return ""


def _kept(folder: Path, site: Site, file: FileStorage, form: str) -> Upload:
    """Write a file into a folder of its own, under a name that is only a name."""
    place = secrets.token_hex(16)
    name = _UNUSUAL.sub("_", Path(file.filename or "").name).lstrip(".")[-100:] or "export"
    own = folder / place
    own.mkdir(mode=0o700)
    file.save(own / name)
    return Upload(
        site_id=site.id, who=me().email, name=name, form=form,
        size_bytes=(own / name).stat().st_size, place=place, state=State.UPLOADED,
        created_at=here().now(),
    )  # fmt: skip


@blueprint.post("/files/<int:row_id>")
@needs(Right.EDIT_SITE)
def bring_in(host: str, row_id: int) -> ResponseReturnValue:
    """Import a file that was checked."""
    site = site_or_stop(host)
    with here().database.writing() as session:
        upload = upload_of(session, site.id, min(row_id, _BIGGEST_ID)) or abort(404)
        if want(upload):
            record_of_store(
                session, act="added", subject=upload.name, site_id=site.id, at=here().now()
            )
            flash(_("The import begins now. It goes on if the portal is restarted."), "good")
        else:
            flash(_("This file is on its way already, or was not checked."), "bad")
    return redirect(url_for("imports.page", host=site.host))


@blueprint.post("/files/<int:row_id>/remove")
@needs(Right.EDIT_SITE)
def throw_away(host: str, row_id: int) -> ResponseReturnValue:
    """Throw a file away; whoever works on it stops, and its folder goes."""
    site = site_or_stop(host)
    with here().database.writing() as session:
        upload = upload_of(session, site.id, min(row_id, _BIGGEST_ID)) or abort(404)
        place = upload.place
        session.delete(upload)
    if folder := here().config.uploads:
        shutil.rmtree(folder / place, ignore_errors=True)
    flash(_("The file is gone. What was imported of it stays in the list below."), "good")
    return redirect(url_for("imports.page", host=site.host))


@blueprint.post("/<import_name>/remove")
@needs(Right.EDIT_SITE)
def remove(host: str, import_name: str) -> ResponseReturnValue:
    """Remove an import with all its rows, once the site's name was typed."""
    site = site_or_stop(host)
    site_id, named = site.id, site.host
    if request.form.get("typed", "").strip().lower() != named:
        return _page(site, _("Type %(host)s to remove an import.", host=named))
    end_reading()
    try:
        found = find_import(here().store, site_id, import_name)
        if found is None or found.removed:
            return abort(404)
        remove_import(here().store, found)
    except (StoreUnavailable, StoreError) as error:
        log.warning("an import cannot be removed: %s", error)
        flash(_("The store of numbers does not answer; try again in a moment."), "bad")
        return redirect(url_for("imports.page", host=named))
    with here().database.writing() as session:
        subject = f"{found.file} ({found.name})"
        record_of_store(session, act="removed", subject=subject, site_id=site_id, at=here().now())
    flash(_("“%(name)s” is gone.", name=found.file), "good")
    return redirect(url_for("imports.page", host=named))
