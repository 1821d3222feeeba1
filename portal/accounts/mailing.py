"""Mail that an account's owner is sent, where the answer must not tell whether there is one.

Looking the account up and writing its link happen in the background too, so that the page takes as
long for an address without an account. The one invariant: per address and per network only so many
an hour, and what is too much is left out in silence.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import current_app

from portal.accounts.devices import network
from portal.accounts.people import language_of
from portal.config import here
from portal.language import speaking, spoken
from portal.mail import Mail


@contextmanager
def writing_to(email: str, otherwise: str = "") -> Iterator[None]:
    """Say what is inside in the language of an address's account, else in another, else as now."""
    with here().database.reading() as session:
        language = language_of(session, email)
    with speaking(language or otherwise or spoken()):
        yield


def mail_later(email: str, write: Callable[[str], Mail | None]) -> None:
    """Write a mail in the background, within an application context, and send it."""
    send = here().config.send_mail
    now_s = here().now().timestamp()
    if send is None or here().mail_by_network.take(network(), now_s):
        return
    if here().mail_by_email.take(email, now_s):
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
