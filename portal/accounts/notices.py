"""What an account's owner is told by mail after a change, so that a thief's change is noticed."""

from functools import partial

from portal.accounts import messages
from portal.config import here


def tell(email: str, what: str) -> None:
    """Tell somebody by mail what was done to their account; nothing where there is no mail."""
    send = here().config.send_mail
    if send is not None:
        here().background.put(partial(send, messages.changed(email, what)))
