"""What keeps guessing slow: passwords at the door, codes at the second step.

The counts live in ``portal.config``; wrong codes in a row are counted for good, in the account: by
the rate alone, a year of guessing would open two accounts in five. The one invariant: no guess of
somebody else uses up the count of a browser in which the account has been used before.
"""

from portal.accounts.devices import known_device, network
from portal.config import here
from portal.models import User

MOST_WRONG_CODES = 100


def password_wait_s(email: str) -> int:
    """Count a try at a password; the seconds to wait, or 0."""
    now_s = here().now().timestamp()
    if device := known_device(email):
        return here().login_by_device.take(device, now_s)
    by_network = here().login_by_network.take(network(), now_s)
    return by_network or here().login_by_email.take(email, now_s)


def code_wait_s(email: str) -> int:
    """Count a try at a code, of somebody who has passed the first step; the seconds, or 0."""
    now_s = here().now().timestamp()
    if device := known_device(email):
        return here().code_by_device.take(device, now_s)
    by_network = here().login_by_network.take(network(), now_s)
    return by_network or here().code_by_email.take(email, now_s)


def has_guessed_enough(user: User) -> bool:
    """Tell whether codes are no longer taken from here: so many were wrong in a row.

    Whoever types codes has the password, so a new one ends it. Source: NIST SP 800-63B, 5.2.2.
    """
    return user.wrong_codes >= MOST_WRONG_CODES and not known_device(user.email)


def door_wait_s() -> int:
    """Count a try that names no account: a passkey, single sign-on; the seconds, or 0."""
    return here().login_by_network.take(network(), here().now().timestamp())
