"""Mail that is sent because somebody typed an address, and how much of it.

Where the answer must not tell whether there is an account, looking it up and writing its link
happen in the background too, so that the page takes as long for an address without one. The one
invariant: per address, topic and network (or person) only so many an hour; what is too much is left
out in silence where nobody is signed in. Topics are counted apart, so that no mail of another kind
that somebody asks for keeps an owner from the link to a new password.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from flask import current_app

from portal.accounts.devices import network
from portal.accounts.people import language_of
from portal.config import here
from portal.language import speaking, spoken
from portal.mail import Mail


class Topic(StrEnum):
    """What a mail is about."""

    ADDRESS = "address"
    CODES = "codes"
    INVITATION = "invitation"
    RESET = "reset"
    SIGN_UP = "sign_up"


@contextmanager
def writing_to(email: str, otherwise: str = "") -> Iterator[None]:
    """Say what is inside in the language of an address's account, else in another, else as now."""
    with here().database.reading() as session:
        language = language_of(session, email)
    with speaking(language or otherwise or spoken()):
        yield


def mail_wait_s(person_id: int, topic: Topic, email: str) -> int:
    """Count a mail that somebody has sent to an address of their choice; the seconds, or 0."""
    now_s = here().now().timestamp()
    by_person = here().mail_by_person.take(str(person_id), now_s)
    return by_person or here().mail_by_email.take(f"{topic} {email}", now_s)


def mail_later(topic: Topic, email: str, write: Callable[[str], Mail | None]) -> None:
    """Write a mail in the background, within an application context, and send it."""
    send = here().config.send_mail
    now_s = here().now().timestamp()
    if send is None or here().mail_by_network.take(network(), now_s):
        return
    if here().mail_by_email.take(f"{topic} {email}", now_s):
        return
    # What is behind current_app's proxy lives on after the request.
    app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001

    asked_in = spoken()

    def job() -> None:
        with app.test_request_context(base_url=here_url), writing_to(email, asked_in):
            mail = write(email)
        if mail is not None:
            send(mail)

    here_url = here().config.public_url or "http://localhost"
    here().background.put(job)
