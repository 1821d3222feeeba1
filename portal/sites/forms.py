"""The forms of sites; the fields' rules are ``portal.sites.fields``, shared with the commands."""

from collections.abc import Callable

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional, ValidationError

from portal.language import N_, _
from portal.models import Site
from portal.sites.fields import FieldError, read_host, read_timezone, read_upstream
from portal.sites.switches import MODULES, SWITCHES


def _reads(reader: Callable[[str], object]) -> Callable[[Form, Field], None]:
    def check(form: Form, field: Field) -> None:
        del form
        try:
            reader(field.data or "")
        except FieldError as error:
            raise ValidationError(str(error)) from None

    return check


def _switch(name: str) -> Callable[[Form, Field], None]:
    return _reads(SWITCHES[name].read)


def split_names(text: str | None) -> list[str]:
    """Split a list typed with commas, spaces or lines."""
    return (text or "").replace(",", " ").split()


def _read_all(form: Form, field: Field) -> None:
    for name in split_names(field.data):
        _reads(read_host)(form, type(_("Name"), (), {"data": name})())


class AddSiteForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What is needed to put the edge before a site."""

    host = StringField(
        N_("Host name"),
        [InputRequired(N_("Type the host name that visitors use.")), _reads(read_host)],
    )
    upstream = StringField(N_("Upstream"), [Optional(), _reads(read_upstream)])
    timezone = StringField(N_("Time zone"), [_reads(read_timezone)], default="UTC")


class SiteSettingsForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What can be changed of a site; but for the aliases, fields have the names of ``SWITCHES``."""

    upstreams = TextAreaField(N_("Upstream"), [_switch("upstreams")])
    aliases = TextAreaField(N_("Further host names"), [_read_all])
    upstream_host = StringField(N_("Host name for the upstream"), [_switch("upstream_host")])
    client_ip = StringField(N_("Header with the visitor's address"), [_switch("client_ip")])
    max_body_bytes = StringField(N_("Largest upload, in bytes"), [_switch("max_body_bytes")])
    https = StringField(N_("Plain HTTP"), [_switch("https")])
    canonical_host = StringField(N_("Redirect other names to"), [_switch("canonical_host")])
    maintenance = BooleanField(N_("Maintenance: answer every page with “back soon” (503)"))
    mode = StringField(N_("What the edge does"), [_switch("mode")])
    canary_percent = StringField(N_("Canary share, in percent"), [_switch("canary_percent")])
    csp = StringField(N_("Content Security Policy"), [_switch("csp")])
    prefix = StringField(N_("Path of our own addresses"), [_switch("prefix")])
    script_name = StringField(N_("Name of the script"), [_switch("script_name")])
    quiet = BooleanField(N_("Quiet names: random for this site, changing every week"))
    timezone = StringField(N_("Time zone"), [_switch("timezone")])
    retention_days = StringField(N_("Days to keep numbers"), [_switch("retention_days")])
    currency = StringField(N_("Currency"), [_switch("currency")])
    kept_params = StringField(N_("Query parameters to keep"), [_switch("kept_params")])
    respect_dnt = BooleanField(N_("Obey Do Not Track and Global Privacy Control"))
    salt_period = StringField(N_("Visitors are known again for"), [_switch("salt_period")])
    measure = StringField(N_("Page views are counted by"), [_switch("measure")])
    hits = BooleanField(N_("Keep a row of each document that the edge serves"))
    cnil = BooleanField(N_("CNIL mode: the strictest of each choice"))
    city_k = StringField(N_("Visitors that must share a city"), [_switch("city_k")])
    hash_routes = BooleanField(N_("The address after # is a page of its own"))
    count_downloads = BooleanField(N_("Count file downloads"))
    count_forms = BooleanField(N_("Count forms that are sent"))
    modules = SelectMultipleField(N_("Also record"), choices=MODULES)
    debug = BooleanField(N_("Tell in headers what was decided and why an event was dropped"))
    debug_key = StringField(N_("Debug key"), [_switch("debug_key")])

    def changes(self) -> dict[str, str]:
        """Give what was typed, as ``change_site`` takes it."""
        texts = {name: self[name].data for name in SWITCHES if name in self} | {
            "modules": " ".join(self.modules.data or ())
        }
        return {
            name: ("on" if text else "off") if isinstance(text, bool) else text or ""
            for name, text in texts.items()
        }


_ELSEWHERE = frozenset({"quiet", "rules"})
"""What has a form of its own: the seed behind quiet names, and the page of rules."""


def as_typed(site: Site) -> dict[str, object]:
    """Write a site's settings as the form shows them."""
    shown = {name: _as_text(name, getattr(site, name)) for name in SWITCHES.keys() - _ELSEWHERE}
    return {**shown, "quiet": bool(site.quiet_seed), "aliases": "\n".join(site.aliases)}


def _as_text(name: str, value: object) -> object:
    if name == "modules":
        return value
    if isinstance(value, list):
        return ("\n" if name == "upstreams" else " ").join(value)
    return value if isinstance(value, bool) else str(value)
