"""Where the link at the foot of a mail leads: one click, and no more of these.

Opening it asks first, because mail scanners open links; a mail program's own button posts at once
(RFC 8058). Nobody signs in for it: the link is signed. The one invariant: see
``portal.messages.unsubscribe``.
"""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.config import here
from portal.language import N_, _
from portal.messages.message import TOPICS, Topic
from portal.messages.unsubscribe import leave
from portal.needs import Who, needs
from portal.sessions import end_reading, reading

blueprint = Blueprint("leaving", __name__)


@blueprint.get("/unsubscribe/<token>")
@needs(Who.LINK_HOLDER)
def ask(token: str) -> ResponseReturnValue:
    """Ask whether to end it."""
    ways = here().config.ways
    found = ways.unsubscriber.read(reading(), token) if ways is not None else None
    if found is None:
        return render_template("messages/left.html", site="", what=""), 404
    recipient, topic = found
    return render_template(
        "messages/leave.html", host=recipient.site.host, what=_what(topic), to=recipient.address
    )


@blueprint.post("/unsubscribe/<token>")
@needs(Who.LINK_HOLDER)
def end(token: str) -> ResponseReturnValue:
    """End it; a second click finds nothing more to end, and says the same."""
    ways = here().config.ways
    end_reading()
    if ways is not None:
        with here().database.writing() as session:
            found = ways.unsubscriber.read(session, token)
            if found is not None:
                leave(session, *found)
    return render_template("messages/left.html")


def _what(topic: Topic) -> str:
    return _(TOPICS.get(topic.value, N_("Everything"))).lower()
