"""The page of a person's second factors: a code app, passkeys, recovery codes.

Every change is for who has shown lately who they are, and is told to the account's address. The one
invariant: secrets and codes are in the answer that makes them and nowhere else.
"""

from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from portal.accounts.code_apps import add_code_app, app_address, new_secret, qr_picture
from portal.accounts.factors import remove_code_app, remove_passkey
from portal.accounts.notices import tell
from portal.accounts.passkeys import (
    MAX_NAME,
    PasskeyError,
    add_passkey,
    ask_to_add,
    relying_party,
)
from portal.accounts.people import end_sessions
from portal.accounts.recovery import codes_left, new_codes
from portal.accounts.sealing import SealedWithAnotherKeyError, seal, unseal
from portal.accounts.signin import freshly, go_on, is_fresh, me
from portal.config import here
from portal.language import N_, _
from portal.models import User
from portal.needs import Who, needs
from portal.sessions import end_reading, reading
from portal.teams.rights import teams_that_wait

blueprint = Blueprint("factors", __name__, url_prefix="/account/factors")
_OFFER = "code-app-offer"
WRONG = N_("This code does not fit. Is the clock of your device right?")


class AppForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """The first code of an app, and the secret that it was offered."""

    offer = HiddenField()
    code = StringField(N_("Code"), [InputRequired(N_("Type the code that the app shows."))])


class PasskeyForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A passkey that the browser made, and what its owner calls it."""

    name = StringField(N_("Name of the passkey"), [Length(max=MAX_NAME)])
    challenge = HiddenField()
    credential = HiddenField()


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.get("")
@needs(Who.SIGNED_IN)
def page() -> ResponseReturnValue:
    """Show the person's factors."""
    user = reading().get_one(User, me().id)
    return render_template(
        "accounts/factors.html",
        user=user,
        left=codes_left(reading(), user.id),
        waiting=teams_that_wait(reading(), user.id),
        form=PasskeyForm(formdata=None),
        asked=ask_to_add(user) if is_fresh() else None,
        has_passkeys=relying_party() is not None,
        fresh=is_fresh(),
    )


@blueprint.route("/app", methods=["GET", "POST"])
@needs(Who.SIGNED_IN)
@freshly
def app() -> ResponseReturnValue:
    """Offer a secret as a picture and in letters, and keep it once its first code came."""
    form, user_id = AppForm(), me().id
    secret = _offered(form.offer.data or "", user_id)
    if secret and form.validate_on_submit():
        with here().database.writing() as writing:
            user = writing.get_one(User, user_id)
            first = not user.has_factor
            done = add_code_app(writing, user, secret, form.code.data or "", here().now())
            codes = _welcome(writing, user) if done and first else None
        if done:
            return _added(user, codes, N_("A code app was added."))
        form.code.errors = [WRONG]
    secret = secret or new_secret()
    form.offer.data = seal(secret, _OFFER, user_id)
    place = urlsplit(here().config.public_url).hostname or ""
    shown = render_template(
        "accounts/code_app.html",
        form=form,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        picture=qr_picture(app_address(secret, me().email, place)),
    )
    return shown, 422 if form.errors else 200


def _offered(offer: str, user_id: int) -> str:
    """Read the secret that this person was offered; empty if there was none."""
    try:
        return unseal(offer, _OFFER, user_id) if offer else ""
    except (SealedWithAnotherKeyError, ValueError):
        return ""


def _welcome(writing: Session, user: User) -> list[str]:
    """Make recovery codes with the first factor, and end what was begun without one."""
    codes = new_codes(writing, user.id, here().now())
    end_sessions(writing, user)
    return codes


def _added(user: User, codes: list[str] | None, what: str, **values: str) -> ResponseReturnValue:
    """Say that a factor was added; with the first one go the recovery codes."""
    tell(user.email, what, **values)
    said = _(what, **values)
    end_reading()
    if codes is None:
        flash(said, "good")
        return redirect(url_for("factors.page"))
    go_on(user)
    flash(_("%(what)s Every other browser is signed out.", what=said), "good")
    return render_template("accounts/recovery.html", codes=codes, user=user)


@blueprint.post("/app/remove")
@needs(Who.SIGNED_IN)
@freshly
def remove_app() -> ResponseReturnValue:
    """Take the code app away."""
    with here().database.writing() as writing:
        remove_code_app(writing, writing.get_one(User, me().id))
    return _removed(N_("The code app was removed."))


@blueprint.post("/passkeys")
@needs(Who.SIGNED_IN)
@freshly
def passkeys() -> ResponseReturnValue:
    """Keep a passkey that the browser made."""
    form = PasskeyForm()
    if not form.validate_on_submit():
        abort(400)
    name, challenge = form.name.data or "", form.challenge.data or ""
    try:
        with here().database.writing() as writing:
            user = writing.get_one(User, me().id)
            first = not user.has_factor
            row = add_passkey(writing, user, name, challenge, form.credential.data or "")
            codes = _welcome(writing, user) if first else None
    except PasskeyError as error:
        flash(str(error), "bad")
        return redirect(url_for("factors.page"))
    return _added(user, codes, N_("The passkey “%(name)s” was added."), name=row.name)


@blueprint.post("/passkeys/<int:passkey_id>/remove")
@needs(Who.SIGNED_IN)
@freshly
def remove_key(passkey_id: int) -> ResponseReturnValue:
    """Take one of the person's passkeys away."""
    with here().database.writing() as writing:
        row = remove_passkey(writing, writing.get_one(User, me().id), passkey_id)
    if row is None:
        abort(404)
    return _removed(N_("The passkey “%(name)s” was removed."), name=row.name)


@blueprint.post("/passkeys/<int:passkey_id>/name")
@needs(Who.SIGNED_IN)
def rename_key(passkey_id: int) -> ResponseReturnValue:
    """Call one of the person's passkeys by another name."""
    name = " ".join(request.form.get("name", "").split())[:MAX_NAME]
    with here().database.writing() as writing:
        rows = [row for row in writing.get_one(User, me().id).passkeys if row.id == passkey_id]
        if not rows:
            abort(404)
        rows[0].name = name or rows[0].name
    flash(_("The name is changed."), "good")
    return redirect(url_for("factors.page"))


@blueprint.post("/recovery")
@needs(Who.SIGNED_IN)
@freshly
def recovery() -> ResponseReturnValue:
    """Make new recovery codes; those before work no more."""
    with here().database.writing() as writing:
        user = writing.get_one(User, me().id)
        if not user.has_factor:
            abort(404)
        codes = new_codes(writing, user.id, here().now())
    tell(user.email, N_("New recovery codes were made; those before work no more."))
    return render_template("accounts/recovery.html", codes=codes, user=user)


def _removed(what: str, **values: str) -> ResponseReturnValue:
    tell(me().email, what, **values)
    flash(_(what, **values), "good")
    return redirect(url_for("factors.page"))
