"""The form that asks for a shared link's password."""

from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired


class PasswordForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """One password."""

    password = PasswordField("Password", [InputRequired("Type the password.")])
