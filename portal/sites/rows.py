"""What a site keeps (goals, funnels, segments, notes), saved from forms by the rules of the API.

The rules are ``portal.api.kept`` and its bodies, so a form and a request are refused alike; here a
refusal becomes a sentence beside its field. The one invariant: nothing is kept of a form that was
refused.
"""

from dataclasses import dataclass
from typing import Any

from flask import abort
from flask_wtf import FlaskForm
from pydantic import ValidationError

from portal.accounts.signin import me
from portal.api.kept import (
    NotThereError,
    NotYoursError,
    Resource,
    add_row,
    change_row,
    find_row,
    remove_row,
    show,
)
from portal.config import here
from portal.language import _
from portal.models import Site
from portal.sessions import end_reading, reading
from portal.sites.access import query_site
from portal.sites.fields import FieldError
from store.query.model import QueryError, QuerySite

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Somebody:
    """The signed-in person at a site that they may see."""

    user_id: int
    site: Site

    def query_site(self) -> QuerySite:
        """Give the site as the query engine asks about it."""
        return query_site(self.site, self.user_id)


def somebody_at(site: Site) -> Somebody:
    """Give the signed-in person at a site."""
    return Somebody(me().id, site)


def row_or_stop(resource: Resource, who: Somebody, row_id: int) -> Row:
    """Find a row that the person may see; 404 if there is none."""
    try:
        return show(resource, find_row(reading(), resource, who, row_id))
    except NotThereError:
        return abort(404)


def save(
    form: FlaskForm,
    resource: Resource,
    who: Somebody,
    values: dict[str, Any],
    row_id: int | None = None,
) -> Row | None:
    """Add a row, or replace one; None if something is wrong, which the form then says."""
    try:
        body = resource.body.model_validate(values)
        with here().database.writing() as session:
            if row_id is None:
                saved = add_row(session, resource, who, body)
            else:
                saved = change_row(session, resource, who, row_id, body)
    except ValidationError as error:
        for found in error.errors():
            complain(form, str(found["loc"][0]) if found["loc"] else "", _sentence(found))
    except FieldError as error:
        complain(form, error.field.partition("[")[0], str(error))
    except QueryError as error:
        complain(form, "filters", error.message)
    except NotThereError:
        abort(404)
    except NotYoursError:
        abort(403)
    else:
        end_reading()
        return saved
    return None


def remove(resource: Resource, who: Somebody, row_id: int) -> str | None:
    """Remove a row; why it cannot be, if something else needs it."""
    try:
        with here().database.writing() as session:
            remove_row(session, resource, who, row_id)
    except NotThereError:
        abort(404)
    except NotYoursError:
        abort(403)
    except FieldError as error:
        return str(error)
    end_reading()
    return None


def complain(form: FlaskForm, field: str, sentence: str) -> None:
    """Say beside a field what is wrong; beside the first one if the form has none of that name."""
    name = field if field in form else next(iter(form)).name
    form[name].errors = [*form[name].errors, sentence]


def _sentence(found: Any) -> str:
    bounds = found.get("ctx", {})
    match found["type"]:
        case "string_too_short" | "missing":
            return _("Type something here.")
        case "string_too_long":
            return _("At most %(max_length)s characters.", max_length=bounds["max_length"])
        case "too_short":
            return _("At least %(min_length)s are needed.", min_length=bounds["min_length"])
        case "too_long":
            return _("At most %(max_length)s.", max_length=bounds["max_length"])
        case "value_error":
            said = str(bounds["error"])
            return f"{said[:1].upper()}{said[1:]}."
        case "string_pattern_mismatch":
            return _("This has characters that cannot stand here.")
        case "enum":
            return _("Choose one of the list.")
    return f"{found['msg']}."
