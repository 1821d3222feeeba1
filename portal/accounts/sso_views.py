"""Pages of single sign-on: to the provider, back from it, linking and unlinking, signing out there.

The one invariant: an answer counts only in the browser that asked, once, for what it asked.
"""

import logging
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf.csrf import validate_csrf
from wtforms import ValidationError

from portal.accounts import messages
from portal.accounts.factors import unlink
from portal.accounts.guessing import door_wait_s
from portal.accounts.halfway import enter
from portal.accounts.links import safe_path
from portal.accounts.notices import tell
from portal.accounts.oidc import Asking, Provider, ProviderError, SingleSignOn, new_asking
from portal.accounts.once import LIFETIME, spend
from portal.accounts.signin import Way, freshly, is_fresh, me
from portal.accounts.sso import NotLetInError, link, person_of
from portal.config import here
from portal.language import N_, _
from portal.models import User
from portal.needs import Who, needs

blueprint = Blueprint("sso", __name__)
_KEY = "sso"
AWAY = "{name} cannot be reached, or does not answer as it should. Try again in a while."
SLOW = N_("Too many tries. Wait a little.")
UNASKED = N_(
    "This answer belongs to no sign-in of this browser, or came too late. Begin once more."
)
log = logging.getLogger(__name__)


def _provider() -> tuple[SingleSignOn, Provider]:
    sso, provider = here().config.sso, here().provider
    if sso is None or provider is None:
        abort(404)
    return sso, provider


@blueprint.get("/login/sso")
@needs(Who.ANYBODY)
def start() -> ResponseReturnValue:
    """Send the browser to the provider: to sign in, to do so again, or to link an account."""
    sso, provider = _provider()
    target, links = safe_path(request.args.get("next")), "link" in request.args
    again = "again" in request.args and current_user.is_authenticated
    if links and not current_user.is_authenticated:
        return redirect(url_for("accounts.login"))
    if links:
        _check_wish(request.args["link"])
    if links and not is_fresh():
        return redirect(url_for("again.page", next=url_for("account.page")))
    if door_wait_s():
        return _back(SLOW)
    asking = new_asking()
    try:
        address = provider.address(asking, messages.sso_callback(), again=again)
    except ProviderError as error:
        return _away(sso, error)
    session[_KEY] = {
        "state": asking.state,
        "nonce": asking.nonce,
        "verifier": asking.verifier,
        "target": target,
        "for": me().id if links or again else 0,
        "links": links,
        "at": here().now().timestamp(),
    }
    return redirect(address)


def _check_wish(token: str) -> None:
    """Check that the link to this page was one of ours: it changes the account in the end.

    It is no form, because the policy lets forms lead to no other host. Without the check another
    page could have whoever is signed in at the provider in this browser linked to the account.
    """
    try:
        validate_csrf(token)
    except ValidationError:
        abort(400)


@blueprint.get("/login/sso/answer")
@needs(Who.ANYBODY)
def answer() -> ResponseReturnValue:
    """Take the provider's answer."""
    sso, provider = _provider()
    kept: dict[str, Any] = session.pop(_KEY, {})
    if not _is_asked_for(sso, kept):
        return _back(UNASKED)
    if "code" not in request.args:
        return _back(_("%(name)s did not let you in.", name=sso.name))
    asking = Asking(kept["state"], kept["nonce"], kept["verifier"])
    again = bool(kept["for"]) and not kept["links"]
    code, now = request.args["code"], here().now()
    try:
        claims = provider.claims(asking, code, messages.sso_callback(), now, again=again)
        return _let_in(sso, kept, claims)
    except ProviderError as error:
        return _away(sso, error)
    except NotLetInError as error:
        return _back(str(error))


def _is_asked_for(sso: SingleSignOn, kept: dict[str, Any]) -> bool:
    """Tell whether this browser asked for this answer, lately, as who it still is."""
    if not kept or kept["state"] != request.args.get("state"):
        return False
    if request.args.get("iss", sso.issuer) != sso.issuer:
        return False
    now = here().now()
    if now.timestamp() - kept["at"] > LIFETIME.total_seconds():
        return False
    whose = current_user.id if current_user.is_authenticated else 0
    if kept["for"] and kept["for"] != whose:
        return False
    with here().database.writing() as writing:
        return spend(writing, kept["state"], now)


def _let_in(sso: SingleSignOn, kept: dict[str, Any], claims: dict[str, Any]) -> ResponseReturnValue:
    now, signup = here().now(), here().config.open_signup
    if kept["links"]:
        with here().database.writing() as writing:
            link(writing, sso, writing.get_one(User, me().id), claims, now)
        tell(me().email, N_("An account of %(name)s was linked."), name=sso.name)
        flash(_("%(name)s opens your account from now on.", name=sso.name), "good")
        return redirect(url_for("account.page"))
    with here().database.writing() as writing:
        user = person_of(writing, sso, claims, now, open_signup=signup)
        if kept["for"] and user.id != kept["for"]:
            raise NotLetInError(_("At %(name)s you are somebody else.", name=sso.name))
        number = user.id
    # "mfa" alone says that there were several factors. Source: RFC 8176, section 2.
    strong = "mfa" in (claims.get("amr") or ())
    return enter(number, Way.SSO, kept["target"], both_steps=strong)


def _back(problem: str) -> ResponseReturnValue:
    flash(problem, "bad")
    there = "account.page" if current_user.is_authenticated else "accounts.login"
    return redirect(url_for(there))


def _away(sso: SingleSignOn, error: ProviderError) -> ResponseReturnValue:
    log.warning("single sign-on: %s", error)
    return _back(AWAY.format(name=sso.name))


@blueprint.post("/account/sso/<int:number>/unlink", endpoint="unlink")
@needs(Who.SIGNED_IN)
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
@freshly
def unlink_one(number: int) -> ResponseReturnValue:
    """Let an account at the provider open this one no longer."""
    with here().database.writing() as writing:
        if not unlink(writing, writing.get_one(User, me().id), number):
            abort(404)
    tell(me().email, N_("An account at the single sign-on was unlinked."))
    flash(_("It no longer opens your account."), "good")
    return redirect(url_for("account.page"))


@blueprint.get("/logout/sso")
@needs(Who.ANYBODY)
def sign_out() -> ResponseReturnValue:
    """Sign out at the provider too; here one is signed out already."""
    sso, provider = _provider()
    try:
        address = provider.sign_out_address(messages.login_address())
    except ProviderError as error:
        return _away(sso, error)
    return redirect(address or url_for("accounts.login"))
