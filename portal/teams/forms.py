"""Forms of teams."""

from flask_wtf import FlaskForm
from wtforms import EmailField, StringField
from wtforms.validators import AnyOf, InputRequired

from portal.language import N_
from portal.models import Role


class NameForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A team's name."""

    name = StringField(N_("Name"), [InputRequired(N_("Type a name."))])


class InviteForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """Who is invited, as what, and where: the whole team, or one site by its id."""

    email = EmailField(N_("E-mail"), [InputRequired(N_("Type an e-mail address."))])
    role = StringField(
        N_("Role"), [AnyOf(list(Role), N_("Choose a role."))], default=Role.VIEWER.value
    )
    place = StringField(N_("Sees"))

    def chosen_role(self) -> Role:
        """Give the role, once the form is valid."""
        return Role(self.role.data or "")

    def site_id(self) -> int | None:
        """Give the chosen site; None is the whole team."""
        text = (self.place.data or "").strip()
        if not text:
            return None
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - fits 32 bits
