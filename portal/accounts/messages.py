"""The mails of accounts: each a subject and a few plain sentences with one link."""

from typing import Any

from flask import url_for

from portal.config import here
from portal.language import _
from portal.mail import Mail


def _address(endpoint: str, **values: Any) -> str:
    """Write a link into the portal; the host is the operator's setting, never the request's."""
    return here().config.public_url.rstrip("/") + url_for(endpoint, **values)


def invitation(to: str, place: str, role: str, token: str) -> Mail:
    """Invite somebody to a team or a site."""
    link = _address("joining.invitation", token=token)
    text = _(
        "You are invited to %(place)s on Statflow, as %(role)s.\n\n%(link)s\n\nThe link "
        "works once, for seven days. If you expect nothing of this kind, do nothing.\n",
        place=place,
        role=role,
        link=link,
    )
    return Mail(to, _("Invitation to %(place)s", place=place), text)


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
    text = _(
        "Open this link to make your account on Statflow:\n\n%(link)s\n\nIt works once, "
        "for a day. If you did not ask for it, do nothing.\n",
        link=link,
    )
    return Mail(to, _("Your account on Statflow"), text)


def has_account(to: str) -> Mail:
    """Tell somebody who asked for an account that there is one."""
    text = _(
        "Somebody, probably you, asked for an account on Statflow with this address. "
        "There is one already.\n\nSign in: %(login)s\nForgot the password: %(forgot)s\n",
        login=_address("accounts.login"),
        forgot=_address("forgotten.forgot"),
    )
    return Mail(to, _("Your account on Statflow"), text)


def reset(to: str, token: str) -> Mail:
    """Let somebody set a new password."""
    link = _address("forgotten.reset", token=token)
    text = _(
        "Open this link to set a new password on Statflow:\n\n%(link)s\n\nIt works once, "
        "for an hour. If you did not ask for it, do nothing: your password stays as it "
        "is.\n",
        link=link,
    )
    return Mail(to, _("A new password on Statflow"), text)


def address_changed(to: str) -> Mail:
    """Tell the address of before that it no longer opens the account."""
    text = _(
        "The account on Statflow that had this address has another one from now on. "
        "If that was not you, tell whoever runs the installation at once.\n"
    )
    return Mail(to, _("Your address on Statflow was changed"), text)


def confirm(to: str, token: str) -> Mail:
    """Let somebody show that an address is theirs."""
    link = _address("forgotten.confirm", token=token)
    text = _(
        "Open this link to confirm that this address is yours:\n\n%(link)s\n\nIt works "
        "once, for a day, for the account that asked. If you did not ask for it, do nothing.\n",
        link=link,
    )
    return Mail(to, _("Confirm your address on Statflow"), text)


def changed(to: str, what: str) -> Mail:
    """Tell an account's owner what was done to it."""
    text = _(
        "%(what)s\n\nIf that was you, there is nothing to do. If not, set a new password at once "
        "and look at your account: %(address)s\n",
        what=what,
        address=_address("factors.page"),
    )
    return Mail(to, _("Your account on Statflow was changed"), text)


def second_step_failing(to: str) -> Mail:
    """Warn somebody whose password opens the first step, but whose codes are being guessed."""
    text = _(
        "Somebody signs in to Statflow with your password and types wrong codes at the "
        "second step. If that is not you, they know your password: set a new "
        "one.\n\n%(address)s\n",
        address=_address("forgotten.forgot"),
    )
    return Mail(to, _("Wrong codes for your account on Statflow"), text)


def team_needs_factor(to: str, team: str) -> Mail:
    """Tell a member without a second factor that a team asks for one."""
    text = _(
        "The team %(team)s on Statflow is open from now on only to people who sign in "
        "with a second step. Setting one up takes a minute; until then its sites, and "
        "tokens for them, wait for you.\n\n%(address)s\n",
        team=team,
        address=_address("factors.page"),
    )
    return Mail(to, _("%(team)s asks for a second step", team=team), text)
