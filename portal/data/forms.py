"""The forms of a site's data: what to erase, how long to hold, what the public page says."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from portal.data.requests import MAX_REASON, Chosen
from portal.language import N_, _
from portal.sites.fields import FieldError

MAX_TEXT = 2_000
FILE_KINDS = {
    "ndjson": N_("NDJSON: a line for each event, as an import reads it, without bots"),
    "parquet": N_("Parquet: every column of every row"),
}
_VISITOR = re.compile(r"[0-9]{1,20}")
_UNTIL_2_64 = 1 << 64


class _ConditionsForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """Which events are meant: those that meet all conditions that are filled in."""

    first = StringField(N_("From the day"))
    last = StringField(N_("To the day"))
    path = StringField(N_("Pages"))
    prop = StringField(N_("Property"))
    value = StringField(N_("Its value"))
    visitor = StringField(N_("Visitor number"))


class EraseForm(_ConditionsForm):
    """What is to go."""

    everything = BooleanField(N_("All of it: every number of this site"))
    reason = StringField(N_("Why"))


class DownloadForm(_ConditionsForm):
    """Which raw events somebody wants, and as what."""

    form = StringField(N_("Kind of file"), default="ndjson")


class HoldForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """Until when nothing may go, and why."""

    until = StringField(N_("Hold through the day"))
    reason = StringField(N_("Why"))


class PrivacyForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What a site owner adds to the public page, and whether there is one."""

    privacy_page = BooleanField(N_("Publish the page"))
    privacy_contact = StringField(N_("Who is responsible"))
    privacy_processors = StringField(N_("Processors"))
    privacy_basis = StringField(N_("Legal basis"))


def read_chosen(form: EraseForm, zone: str) -> Chosen:
    """Read what is to go.

    Raises:
        FieldError: A condition is wrong, none is filled in, or one beside everything.
    """
    chosen = read_conditions(form, zone)
    if len(_text(form, "reason", MAX_REASON)) > MAX_REASON:
        raise FieldError("reason", _("At most %(max_reason)s characters.", max_reason=MAX_REASON))
    if chosen.is_all and not form.everything.data:
        raise FieldError("first", _("Say what shall go: fill in at least one of these."))
    if form.everything.data and not chosen.is_all:
        raise FieldError("first", _("Everything goes, or what meets the conditions: not both."))
    return chosen


def read_conditions(form: EraseForm | DownloadForm, zone: str) -> Chosen:
    """Read the conditions; days are whole days of the site.

    Raises:
        FieldError: One is wrong.
    """
    first, last = _day(form, "first"), _day(form, "last")
    if first and last and last < first:
        raise FieldError("last", _("The last day comes before the first."))
    prop, value = _text(form, "prop", 300), _text(form, "value", 2_000)
    if value and not prop:
        raise FieldError("prop", _("Type the property's name as well."))
    visitor = _text(form, "visitor", 20)
    if visitor and (not _VISITOR.fullmatch(visitor) or int(visitor) >= _UNTIL_2_64):
        raise FieldError("visitor", _("Type the number as the opt-out page shows it."))
    return Chosen(
        after_ms=_midnight_ms(first, zone) if first else None,
        before_ms=_midnight_ms(last + timedelta(days=1), zone) if last else None,
        path=_text(form, "path", 2_000) or None,
        prop=prop or None,
        value=value or None,
        visitor=int(visitor) if visitor else None,
    )


def _text(form: EraseForm | DownloadForm, name: str, most: int) -> str:
    text = (form[name].data or "").strip()
    if len(text) > most:
        raise FieldError(name, _("At most %(most)s characters.", most=most))
    return text


def _day(form: EraseForm | DownloadForm, name: str) -> date | None:
    text = (form[name].data or "").strip()
    return read_day(name, text) if text else None


def read_day(name: str, text: str) -> date:
    """Read a day as browsers write it.

    Raises:
        FieldError: It is none.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise FieldError(name, _("Type a day such as 2026-11-28.")) from None


def _midnight_ms(day: date, zone: str) -> int:
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(zone))
    return round(midnight.timestamp() * 1000)
