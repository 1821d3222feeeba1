"""Raw events of a site as a file, from the store to the browser without being held anywhere.

Reading them is ``statflow.exporting``, given to the portal. The one invariant: nothing leaves
before it is recorded who took what.
"""

import logging
from itertools import chain

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from portal.audit.recording import record_of_store
from portal.config import here
from portal.data.requests import Chosen
from portal.language import _
from portal.models import Site
from portal.sessions import end_reading

log = logging.getLogger(__name__)

FILE_TYPES = {"ndjson": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}


def give_events(site: Site, chosen: Chosen, form: str) -> ResponseReturnValue:
    """Answer with a file; with a word on the page if there is none to be had now."""
    host, site_id, zone = site.host, site.id, site.timezone
    back, seats, now = url_for("data.page", host=host), here().download_seats, here().now()
    end_reading()
    if not seats.take():
        flash(_("Others are downloading just now. Try again in a minute."), "bad")
        return redirect(back)
    try:
        pieces = here().config.download(site_id, zone, chosen, form)
        first = next(pieces, b"")
        told = ", ".join((form, *(f"{name}={value}" for name, value in chosen.told().items())))
        with here().database.writing() as session:
            record_of_store(
                session, act="downloaded", kind="events", subject=told, site_id=site_id, at=now
            )
    except Exception:
        seats.leave()
        log.exception("raw events cannot be given")
        flash(_("The events cannot be read just now. Try again."), "bad")
        return redirect(back)
    response = Response(chain([first], pieces), content_type=FILE_TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="{host}-events.{form}"'
    response.call_on_close(pieces.close)
    response.call_on_close(seats.leave)
    return response
