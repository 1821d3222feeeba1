"""Pages of the second step of signing in, and of passkeys, which are both steps in one.

The one invariant: what is wrong with a code is not said; a wrong one, a used one and one of an
account without an app get the same answer.
"""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired

from portal.accounts import messages
from portal.accounts.code_apps import take_code
from portal.accounts.guessing import code_wait_s, door_wait_s, has_guessed_enough
from portal.accounts.halfway import Halfway, enter, finish, halfway
from portal.accounts.links import safe_path
from portal.accounts.mailing import Topic, mail_later
from portal.accounts.notices import tell
from portal.accounts.passkeys import PasskeyError, ask_to_sign_in, take_passkey
from portal.accounts.people import count_wrong_code, forget_wrong_codes
from portal.accounts.recovery import codes_left, spend_code
from portal.accounts.signin import Way
from portal.audit.actors import note_person
from portal.config import here
from portal.language import N_, _
from portal.models import User
from portal.needs import Who, needs

blueprint = Blueprint("second", __name__)
WRONG = N_("This code is not right, or it was used already. Wait for the next one.")
SLOW = N_("Too many tries. Wait %(seconds)s seconds, then try again.")
ENOUGH = N_(
    "Too many codes were wrong: somebody who knows the password is guessing. "
    "Set a new password, or sign in where you have signed in before."
)
OVER = N_("Signing in took too long, or the account was changed. Begin once more.")


class CodeForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A code of the app, or a recovery code."""

    code = StringField(N_("Code"), [InputRequired(N_("Type a code."))])


@blueprint.route("/login/second", methods=["GET", "POST"])
@needs(Who.ANYBODY)
def page() -> ResponseReturnValue:
    """Ask for the second factor, and take a code."""
    found = halfway()
    if found is None:
        return _over()
    form = CodeForm()
    if not form.validate_on_submit():
        return _page(found, form), 422 if form.errors else 200
    if has_guessed_enough(found.user):
        return _page(found, form, ENOUGH), 403
    if wait_s := code_wait_s(found.user.email):
        mail_later(Topic.CODES, found.user.email, messages.second_step_failing)
        return _page(found, form, _(SLOW, seconds=wait_s)), 429
    if not _take(found.user, form.code.data or ""):
        return _page(found, form, WRONG), 401
    return finish(found, here().now()) or _over()


def _take(user: User, code: str) -> bool:
    """Take a code of the app or a recovery code; of the use of one of these the person is told."""
    now = here().now()
    note_person(user.email)
    with here().database.writing() as writing:
        person = writing.get_one(User, user.id)
        by_app = take_code(writing, person, code, now)
        if not by_app and not (person.has_factor and spend_code(writing, person.id, code)):
            count_wrong_code(writing, person.id)
            return False
        forget_wrong_codes(writing, person.id)
        if by_app:
            return True
        left = codes_left(writing, person.id)
    tell(user.email, N_("A recovery code was used to sign in; %(left)s are left."), left=str(left))
    return True


def _page(found: Halfway, form: CodeForm, problem: str = "") -> str:
    return render_template(
        "accounts/second.html",
        form=form,
        problem=problem,
        has_app=found.user.code_app is not None,
        asked=ask_to_sign_in(found.user),
    )


def _over() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(url_for("sites.index"))
    flash(OVER, "warn")
    return redirect(url_for("accounts.login"))


@blueprint.post("/login/passkey")
@needs(Who.ANYBODY)
def passkey() -> ResponseReturnValue:
    """Sign in with a passkey: alone, as the second step, or to show again who one is."""
    found = halfway() if "second" in request.form else None
    if "second" in request.form and found is None:
        return _over()
    if found is None and here().config.only_sso:
        abort(403)
    owner_id, back = _expected(found)
    if wait_s := door_wait_s():
        flash(_(SLOW, seconds=wait_s), "bad")
        return redirect(back)
    try:
        user_id = _take_passkey(owner_id)
    except PasskeyError as error:
        flash(str(error), "bad")
        return redirect(back)
    if found is not None:
        return finish(found, here().now()) or _over()
    return enter(user_id, Way.PASSKEY, _target(), both_steps=True)


def _expected(found: Halfway | None) -> tuple[int, str]:
    """Tell whose passkey it must be, 0 for anybody's, and where to go if it is not."""
    if found is not None:
        return found.user.id, url_for("second.page")
    if "again" in request.form and current_user.is_authenticated:
        return current_user.id, url_for("again.page", next=_target())
    return 0, url_for("accounts.login", next=_target())


def _target() -> str:
    return safe_path(request.form.get("next"))


def _take_passkey(owner_id: int) -> int:
    challenge, credential = (request.form.get(name, "") for name in ("challenge", "credential"))
    with here().database.writing() as writing:
        owner = writing.get_one(User, owner_id) if owner_id else None
        return take_passkey(writing, challenge, credential, here().now(), owner).id
