"""What an account's owner is told by mail after a change, so that a thief's change is noticed."""

from functools import partial

from portal.accounts import messages
from portal.accounts.mailing import writing_to
from portal.config import here
from portal.language import _


def tell(email: str, what: str, **values: str) -> None:
    """Tell somebody by mail what was done to their account; nothing where there is no mail.

    ``what`` is a marked text, which is said in their language.
    """
    send = here().config.send_mail
    if send is not None:
        with writing_to(email):
            mail = messages.changed(email, _(what, **values))
        here().background.put(partial(send, mail))
