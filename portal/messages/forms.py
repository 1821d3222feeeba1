"""The forms of the page on reports and alerts."""

from flask_wtf import FlaskForm
from wtforms import FloatField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from portal.alerts.kinds import KINDS as ALERT_KINDS
from portal.messages.message import TOPICS
from portal.messages.recipients import KINDS, Kind, Wanted

_MOST_QUIET_H = 24 * 30


class RecipientForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A new recipient."""

    kind = SelectField("By", choices=KINDS)
    address = StringField("Address", [InputRequired("Type an address."), Length(max=2000)])
    key = StringField("Bot token", [Length(max=200)])
    gets = SelectMultipleField("Gets", choices=TOPICS)

    def wanted(self) -> Wanted:
        """Give what was typed."""
        return Wanted(
            Kind(self.kind.data),
            self.address.data or "",
            self.key.data or "",
            tuple(self.gets.data or ()),
        )


class GetsForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What a recipient gets."""

    gets = SelectMultipleField("Gets", choices=TOPICS)


class AlertForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A new alert; an empty threshold is the usual one."""

    what = SelectField(
        "Tell when", choices={kind.name: kind.label for kind in ALERT_KINDS.values()}
    )
    threshold = FloatField("Threshold", [Optional(), NumberRange(min=0, max=1e9)])
    goal = StringField("Goal", [Length(max=120)])
    quiet_h = IntegerField(
        "Then silent for", [InputRequired("Type a number."), NumberRange(min=1, max=_MOST_QUIET_H)]
    )
