"""The forms of the page on reports and alerts."""

from flask_wtf import FlaskForm
from wtforms import FloatField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from portal.alerts.kinds import KINDS as ALERT_KINDS
from portal.language import LANGUAGES, N_, SOURCE
from portal.messages.message import TOPICS
from portal.messages.recipients import KINDS, Kind, Wanted

_MOST_QUIET_H = 24 * 30


class RecipientForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A new recipient."""

    kind = SelectField(N_("By"), choices=KINDS)
    address = StringField(N_("Address"), [InputRequired(N_("Type an address.")), Length(max=2000)])
    key = StringField(N_("Bot token"), [Length(max=200)])
    gets = SelectMultipleField(N_("Gets"), choices=TOPICS)
    language = SelectField(N_("Language"), choices=LANGUAGES, default=SOURCE)

    def wanted(self) -> Wanted:
        """Give what was typed."""
        return Wanted(
            Kind(self.kind.data),
            self.address.data or "",
            self.key.data or "",
            tuple(self.gets.data or ()),
            self.language.data,
        )


class GetsForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What a recipient gets."""

    gets = SelectMultipleField(N_("Gets"), choices=TOPICS)
    language = SelectField(N_("Language"), choices=LANGUAGES, default=SOURCE)


class AlertForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A new alert; an empty threshold is the usual one."""

    what = SelectField(
        N_("Tell when"), choices={kind.name: kind.label for kind in ALERT_KINDS.values()}
    )
    threshold = FloatField(N_("Threshold"), [Optional(), NumberRange(min=0, max=1e9)])
    goal = StringField(N_("Goal"), [Length(max=120)])
    quiet_h = IntegerField(
        N_("Then silent for"),
        [InputRequired(N_("Type a number.")), NumberRange(min=1, max=_MOST_QUIET_H)],
    )
