"""The mails of accounts: each a subject and a few plain sentences with one link."""

from typing import Any

from flask import url_for

from portal.config import here
from portal.mail import Mail


def _address(endpoint: str, **values: Any) -> str:
    """Write a link into the portal; the host is the operator's setting, never the request's."""
    return here().config.public_url.rstrip("/") + url_for(endpoint, **values)


def invitation(to: str, place: str, role: str, token: str) -> Mail:
    """Invite somebody to a team or a site."""
    link = _address("joining.invitation", token=token)
    text = (
        f"You are invited to {place} on Statflow, as {role}.\n\n{link}\n\n"
        "The link works once, for seven days. If you expect nothing of this kind, do nothing.\n"
    )
    return Mail(to, f"Invitation to {place}", text)


def invitation_address(token: str) -> str:
    """Write the link of an invitation, for the person who invites to pass on."""
    return _address("joining.invitation", token=token)


def sso_callback() -> str:
    """Write the address to which a provider of single sign-on sends people back."""
    return _address("sso.answer")


def login_address() -> str:
    """Write the address of the door."""
    return _address("accounts.login")


def sign_up(to: str, token: str) -> Mail:
    """Let somebody who asked for an account choose a password."""
    link = _address("joining.finish_signup", token=token)
    text = (
        f"Open this link to make your account on Statflow:\n\n{link}\n\n"
        "It works once, for a day. If you did not ask for it, do nothing.\n"
    )
    return Mail(to, "Your account on Statflow", text)


def has_account(to: str) -> Mail:
    """Tell somebody who asked for an account that there is one."""
    text = (
        "Somebody, probably you, asked for an account on Statflow with this address. "
        f"There is one already.\n\nSign in: {_address('accounts.login')}\n"
        f"Forgot the password: {_address('forgotten.forgot')}\n"
    )
    return Mail(to, "Your account on Statflow", text)


def reset(to: str, token: str) -> Mail:
    """Let somebody set a new password."""
    link = _address("forgotten.reset", token=token)
    text = (
        f"Open this link to set a new password on Statflow:\n\n{link}\n\n"
        "It works once, for an hour. If you did not ask for it, do nothing: "
        "your password stays as it is.\n"
    )
    return Mail(to, "A new password on Statflow", text)


def address_changed(to: str) -> Mail:
    """Tell the address of before that it no longer opens the account."""
    text = (
        "The account on Statflow that had this address has another one from now on. "
        "If that was not you, tell whoever runs the installation at once.\n"
    )
    return Mail(to, "Your address on Statflow was changed", text)


def confirm(to: str, token: str) -> Mail:
    """Let somebody show that an address is theirs."""
    link = _address("forgotten.confirm", token=token)
    text = (
        f"Open this link to confirm that this address is yours:\n\n{link}\n\n"
        "It works once, for a day, for the account that asked. If you did not ask for it, do "
        "nothing.\n"
    )
    return Mail(to, "Confirm your address on Statflow", text)


def changed(to: str, what: str) -> Mail:
    """Tell an account's owner what was done to it."""
    text = (
        f"{what}\n\nIf that was you, there is nothing to do. If not, set a new password at once "
        f"and look at your account: {_address('factors.page')}\n"
    )
    return Mail(to, "Your account on Statflow was changed", text)


def second_step_failing(to: str) -> Mail:
    """Warn somebody whose password opens the first step, but whose codes are being guessed."""
    text = (
        "Somebody signs in to Statflow with your password and types wrong codes at the second "
        "step. If that is not you, they know your password: set a new one.\n\n"
        f"{_address('forgotten.forgot')}\n"
    )
    return Mail(to, "Wrong codes for your account on Statflow", text)


def team_needs_factor(to: str, team: str) -> Mail:
    """Tell a member without a second factor that a team asks for one."""
    text = (
        f"The team {team} on Statflow is open from now on only to people who sign in with a second "
        "step. Setting one up takes a minute; until then its sites, and tokens for them, wait for "
        f"you.\n\n{_address('factors.page')}\n"
    )
    return Mail(to, f"{team} asks for a second step", text)
