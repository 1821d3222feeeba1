"""Whether the portal is alive, and whether it can do its work; no secrets in either answer."""

import logging
from collections.abc import Callable

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from portal.config import here
from portal.needs import Who, needs
from store.client import StoreError, StoreUnavailable

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)


@blueprint.get("/healthz")
@needs(Who.ANYBODY)
def healthz() -> ResponseReturnValue:
    """Answer as long as the process serves."""
    return {"ok": True}


@blueprint.get("/readyz")
@needs(Who.ANYBODY)
def readyz() -> ResponseReturnValue:
    """Ask database and store; 503 names the part that does not answer."""
    parts = {"database": answers(here().database.ping), "store": answers(here().store.ping)}
    ready = all(parts.values())
    return {"ok": ready, "parts": parts}, 200 if ready else 503


def answers(ping: Callable[[], bool]) -> bool:
    """Ask a part; what it raises means no."""
    try:
        return ping()
    except (SQLAlchemyError, StoreError, StoreUnavailable) as error:
        log.warning("not ready: %s", error)
        return False
