"""One reading database session a request, opened at its first use and closed at its end.

Views that write open ``Database.writing`` themselves, so that the write lock is held only there.
"""

from flask import Flask, g
from sqlalchemy.orm import Session

from portal.config import here


def reading() -> Session:
    """Give this request's reading session."""
    if "reading" not in g:
        g.reading = Session(here().database.engine)
    session: Session = g.reading
    return session


def end_reading() -> None:
    """Close it early, so that what was just written can be seen."""
    session: Session | None = g.pop("reading", None)
    if session is not None:
        session.close()


def close_after_requests(app: Flask) -> None:
    """Close the session when the application is done with a request."""

    @app.teardown_appcontext
    def close(error: BaseException | None) -> None:
        del error
        end_reading()
