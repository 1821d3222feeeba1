"""The forms of sites; the fields' rules are ``portal.sites.fields``, shared with the commands."""

from collections.abc import Callable

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, StringField, TextAreaField
from wtforms.validators import InputRequired, ValidationError

from portal.sites.fields import FieldError, read_host, read_mode, read_timezone, read_upstream


def _reads(reader: Callable[[str], str]) -> Callable[[Form, Field], None]:
    def check(form: Form, field: Field) -> None:
        del form
        try:
            reader(field.data or "")
        except FieldError as error:
            raise ValidationError(str(error)) from None

    return check


def split_names(text: str | None) -> list[str]:
    """Split a list typed with commas, spaces or lines."""
    return (text or "").replace(",", " ").split()


def _read_all(form: Form, field: Field) -> None:
    for name in split_names(field.data):
        _reads(read_host)(form, type("Name", (), {"data": name})())


class AddSiteForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What is needed to put the edge before a site."""

    host = StringField(
        "Host name",
        [InputRequired("Type the host name that visitors use."), _reads(read_host)],
    )
    upstream = StringField(
        "Upstream",
        [InputRequired("Type the address the pages come from."), _reads(read_upstream)],
    )
    timezone = StringField("Time zone", [_reads(read_timezone)], default="UTC")


class SiteSettingsForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What can be changed of a site."""

    upstream = StringField(
        "Upstream",
        [InputRequired("Type the address the pages come from."), _reads(read_upstream)],
    )
    aliases = TextAreaField("Further host names", [_read_all])
    timezone = StringField("Time zone", [_reads(read_timezone)])
    mode = StringField("What the edge does", [_reads(read_mode)])
    hash_routes = BooleanField("The address after # is a page of its own")
    debug = BooleanField("Tell in a header why an event was dropped")
