"""The form that asks for a shared link's password."""

from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from portal.language import N_


class PasswordForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """One password."""

    password = PasswordField(N_("Password"), [InputRequired(N_("Type the password."))])
