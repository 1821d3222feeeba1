"""Passwords: argon2id hashes and their checks, and which new ones are refused.

Which account a password belongs to is the caller's business. The one invariant: a check takes as
long for an account that does not exist as for one that does. Nothing is asked of anybody: the lists
of passwords that leaked most often come with zxcvbn.
"""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from portal.language import N_, _

MIN_CHARACTERS = 8
MAX_CHARACTERS = 1000
MIN_SCORE = 3
"""Of zxcvbn's 0 to 4: from 100 million guesses on, which a stolen hash withstands for long."""
_READ_CHARACTERS = 72  # zxcvbn refuses longer ones; what is longer and not weak so far is strong.
WARNINGS = (
    N_("Straight rows of keys are easy to guess."),
    N_("Short keyboard patterns are easy to guess."),
    N_('Repeats like "aaa" are easy to guess.'),
    N_('Repeats like "abcabcabc" are only slightly harder to guess than "abc".'),
    N_('Sequences like "abc" or "6543" are easy to guess.'),
    N_("Recent years are easy to guess."),
    N_("Dates are often easy to guess."),
    N_("This is a top-10 common password."),
    N_("This is a top-100 common password."),
    N_("This is a very common password."),
    N_("This is similar to a commonly used password."),
    N_("A word by itself is easy to guess."),
    N_("Names and surnames by themselves are easy to guess."),
    N_("Common names and surnames are easy to guess."),
)
"""What zxcvbn says of a weak password, here to be translated."""
_HASHER = PasswordHasher()


def password_problem(password: str, email: str = "") -> str | None:
    """Say in a sentence why a new password is refused, or None."""
    if len(password) < MIN_CHARACTERS:
        return _("Use at least %(min_characters)s characters.", min_characters=MIN_CHARACTERS)
    if len(password) > MAX_CHARACTERS:
        return _("Use at most %(max_characters)s characters.", max_characters=MAX_CHARACTERS)
    known = ["statflow", email, *email.replace("@", ".").split(".")]
    guess = zxcvbn(password[:_READ_CHARACTERS], [word for word in known if word])
    if guess["score"] >= MIN_SCORE:
        return None
    warning = guess["feedback"]["warning"]
    why = _(warning) if warning else _("This is easy to guess.")
    return _("%(why)s Use three or four words that do not belong together.", why=why)


def hash_password(password: str) -> str:
    """Hash with argon2id and a salt of its own."""
    return _HASHER.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Check a password; without a hash the time is spent all the same and the answer is no.

    An account of the single sign-on has the empty hash: no password opens it.
    """
    try:
        _HASHER.verify(password_hash or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
