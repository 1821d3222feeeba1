"""``GET /api/openapi.json``: the API described by the types that answer it (OpenAPI 3.1).

Bodies of resources are the pydantic models of ``shapes``; metrics, dimensions, ranges and operators
are the lists of ``store.query``. The one invariant: nothing here repeats a list that stands
elsewhere, so the description cannot fall behind.
"""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from portal.api.behaviour import QUESTIONS
from portal.api.bodies import (
    InvitationBody,
    LinkBody,
    PropertyBody,
    PublicBody,
    RoleBody,
    SettingsBody,
    SiteBody,
)
from portal.api.callers import PEOPLE_WRITE, SITES_ADMIN, SITES_READ, SITES_WRITE, STATS_READ
from portal.api.kept import RESOURCES, Resource
from portal.api.older import INTERVALS, PERIODS
from portal.api.older import MAX_ROWS as MOST_OLDER
from portal.api.openapi_behaviour import behaviour_schemas, model_of
from portal.api.shapes import Body, TokenBody
from portal.commands import SCOPES
from portal.needs import Who, needs
from store.query import funnels, journeys, retention
from store.query.dimensions import BY_NAME, HIT_PREFIX, TIME_DIMENSIONS
from store.query.goals import Between, Within
from store.query.model import ComparisonMode, Metric
from store.query.parse import KEYS, MAX_DIMENSIONS, MAX_LIMIT, MAX_OFFSET
from store.query.ranges import NAMED_RANGES

blueprint = Blueprint("api_openapi", __name__, url_prefix="/api")

type Schema = dict[str, Any]
_REF = "#/components/schemas/{model}"
_STRING: Schema = {"type": "string"}


@blueprint.get("/openapi.json")
@needs(Who.ANYBODY)
def openapi() -> ResponseReturnValue:
    """Describe the API."""
    return jsonify(describe())


def describe() -> Schema:
    """Write the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Statflow", "version": "2"},
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> Schema:
    one_site, row = [_in_path("site", _STRING)], _in_path("id", {"type": "integer", "minimum": 1})
    base = "/api/v2/sites"
    paths: Schema = {
        "/api/openapi.json": {"get": _operation("This description", "", _object())},
        "/api/v2/query": {"post": _operation("Ask one question", STATS_READ, _answer(), "Query")},
        "/api/v2/funnel": {
            "post": _operation("Follow a funnel", STATS_READ, _answer(), "FunnelQuery")
        },
        "/api/v2/journeys": {
            "post": _operation("Follow journeys", STATS_READ, _found(), "JourneyQuery")
        },
        "/api/v2/retention": {
            "post": _operation("Follow cohorts", STATS_READ, _found(), "RetentionQuery")
        },
        **{
            f"/api/v2/{asked.name}": {
                "post": _operation(asked.summary, STATS_READ, _found(), model_of(asked.name))
            }
            for asked in QUESTIONS
        },
        base: {
            "get": _operation("The token's site", SITES_READ, _listed("sites", "Site")),
            "post": _operation("Add a site", SITES_ADMIN, _ref("Site"), "SiteBody", status="201"),
        },
        f"{base}/{{site}}": _with(
            one_site,
            get=_operation("A site", SITES_READ, _ref("Site")),
            delete=_operation("Delete a site", SITES_ADMIN, None),
        ),
        **_managed(f"{base}/{{site}}", one_site, row),
        f"{base}/{{site}}/tokens": _with(
            one_site,
            get=_operation("Your tokens", SITES_READ, _list_of("tokens")),
            post=_operation("Make a token", SITES_WRITE, _object(), "TokenBody", status="201"),
        ),
        f"{base}/{{site}}/tokens/{{id}}": _with(
            [*one_site, row], delete=_operation("End a token", SITES_WRITE, None)
        ),
        **_older(),
    }
    name_of = _in_path("name", {"type": "string", "pattern": "^[0-9a-f]{16}$"})
    paths[f"{base}/{{site}}/imports/{{name}}"] = _with(
        [*one_site, name_of], delete=_operation("Remove an import", SITES_WRITE, None)
    )
    for name in ("members", "properties", "imports"):
        listed = _operation(f"The site's {name}", SITES_READ, _list_of(name))
        paths[f"{base}/{{site}}/{name}"] = _with(one_site, get=listed)
    paths[f"{base}/{{site}}/properties"]["put"] = _operation(
        "Say how a property is shown", SITES_WRITE, _object(), "PropertyBody"
    )
    for resource in RESOURCES:
        paths |= _kept(f"{base}/{{site}}/{resource.name}", resource, one_site, row)
    return paths


def _managed(site: str, one_site: list[Schema], row: Schema) -> Schema:
    """Describe what is changed of a site itself: settings, links and people."""

    def change(what: str, scope: str, answer: Schema, body: type[Body], status: str) -> Schema:
        return _operation(what, scope, answer, body.__name__, status=status)

    read, made = "200", "201"
    one = _object({"id": {"type": "integer"}}, ["id"])
    paths: Schema = {
        f"{site}/settings": _with(
            one_site,
            get=_operation("A site's settings", SITES_WRITE, _object()),
            patch=change("Change settings", SITES_WRITE, _object(), SettingsBody, read),
        ),
        f"{site}/public": _with(
            one_site,
            put=change("Make it public or private", SITES_WRITE, _object(), PublicBody, read),
        ),
        f"{site}/links": _with(
            one_site,
            get=_operation("Shared links", SITES_WRITE, _list_of("links")),
            post=change("Make a shared link", SITES_WRITE, one, LinkBody, made),
        ),
        f"{site}/links/{{id}}": _with(
            [*one_site, row],
            put=change("Change a shared link", SITES_WRITE, one, LinkBody, read),
            delete=_operation("Revoke a shared link", SITES_WRITE, None),
        ),
        f"{site}/invitations": _with(
            one_site,
            get=_operation("Open invitations", PEOPLE_WRITE, _list_of("invitations")),
            post=change("Invite somebody", PEOPLE_WRITE, one, InvitationBody, made),
        ),
        f"{site}/invitations/{{id}}": _with(
            [*one_site, row], delete=_operation("Void an invitation", PEOPLE_WRITE, None)
        ),
        f"{site}/guests": _with(
            one_site, get=_operation("The site's guests", PEOPLE_WRITE, _list_of("guests"))
        ),
    }
    for people, person in (("members", "member"), ("guests", "guest")):
        paths[f"{site}/{people}/{{id}}"] = _with(
            [*one_site, row],
            put=change(f"Change a {person}'s role", PEOPLE_WRITE, one, RoleBody, read),
            delete=_operation(f"Remove a {person}", PEOPLE_WRITE, None),
        )
    return paths


def _kept(path: str, resource: Resource, site: list[Schema], row: Schema) -> Schema:
    one, body = resource.one, resource.body.__name__
    shown = {"allOf": [_object({"id": {"type": "integer"}}, ["id"])]}
    listed = _object({resource.name: {"type": "array", "items": shown}}, [resource.name])
    return {
        path: _with(
            site,
            get=_operation(f"List {resource.name}", SITES_READ, listed),
            post=_operation(f"Add {_article(one)}", SITES_WRITE, shown, body, status="201"),
        ),
        f"{path}/{{id}}": _with(
            [*site, row],
            get=_operation(f"Show {_article(one)}", SITES_READ, shown),
            put=_operation(f"Replace {_article(one)}", SITES_WRITE, shown, body),
            delete=_operation(f"Remove {_article(one)}", SITES_WRITE, None),
        ),
    }


def _article(one: str) -> str:
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"


def _older() -> Schema:
    asked = [
        _in_query("site_id", _STRING, required=True),
        _in_query("period", {"enum": list(PERIODS)}),
        _in_query("date", _STRING),
        _in_query("metrics", _STRING),
        _in_query("filters", _STRING),
    ]
    number = {"type": "integer", "minimum": 1}
    more = {
        "aggregate": [_in_query("compare", {"enum": ["previous_period", "year_over_year"]})],
        "timeseries": [_in_query("interval", {"enum": list(INTERVALS)})],
        "breakdown": [
            _in_query("property", _STRING, required=True),
            _in_query("limit", number | {"maximum": MOST_OLDER}),
            _in_query("page", number | {"maximum": 10_000}),
        ],
    }
    paths = {
        f"/api/v1/stats/{name}": _with(
            [*asked, *own], get=_operation(f"The older {name}", STATS_READ, _object())
        )
        for name, own in more.items()
    }
    now = _operation("Visitors of the last five minutes", STATS_READ, {"type": "integer"})
    paths["/api/v1/stats/realtime/visitors"] = _with(asked[:1], get=now)
    return paths


def _operation(
    summary: str, scope: str, answer: Schema | None, body: str = "", *, status: str = "200"
) -> Schema:
    good = {"description": summary, **({"content": _json(answer)} if answer else {})}
    found: Schema = {
        "summary": summary,
        "responses": {
            "204" if answer is None else status: good,
            "default": {"description": "What was wrong", "content": _json(_ref("Problem"))},
        },
    }
    if body:
        found["requestBody"] = {"required": True, "content": _json(_ref(body))}
    found["security"] = [{"token": []}] if scope else []
    if scope:
        found["description"] = f"Needs a token of scope `{scope}`."
    return found


def _with(parameters: list[Schema], **operations: Schema) -> Schema:
    return {"parameters": parameters, **operations}


def _in_path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(name: str, schema: Schema, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _ref(model: str) -> Schema:
    return {"$ref": _REF.format(model=model)}


def _object(properties: Schema | None = None, required: list[str] | None = None) -> Schema:
    return {"type": "object", "properties": properties or {}, "required": required or []}


def _closed(properties: Schema, required: list[str]) -> Schema:
    return _object(properties, required) | {"additionalProperties": False}


def _list_of(name: str) -> Schema:
    return _object({name: {"type": "array", "items": {"type": "object"}}}, [name])


def _listed(name: str, model: str) -> Schema:
    return _object({name: {"type": "array", "items": _ref(model)}}, [name])


def _answer() -> Schema:
    return _found(_object({"dimensions": {"type": "array", "items": _STRING}}, ["dimensions"]))


def _found(row: Schema | None = None) -> Schema:
    row = row or {"type": "object"}
    parts = {
        "results": {"type": "array", "items": row},
        "meta": {"type": "object"},
        "query": {"type": "object"},
    }
    return _object(parts, list(parts))


def _schemas() -> Schema:
    found: Schema = {
        "Query": _query(),
        "FunnelQuery": _funnel_query(),
        "JourneyQuery": _journey_query(),
        "RetentionQuery": _retention_query(),
        **behaviour_schemas(_common()),
        "Site": _object({"id": {"type": "integer"}, "host": _STRING}, ["id", "host", "timezone"]),
        "Problem": _problem(),
    }
    own = (
        SiteBody,
        SettingsBody,
        PropertyBody,
        PublicBody,
        LinkBody,
        InvitationBody,
        RoleBody,
        TokenBody,
    )
    bodies: list[type[Body]] = [*own, *(resource.body for resource in RESOURCES)]
    for body in bodies:
        schema = body.model_json_schema(ref_template=_REF)
        found |= schema.pop("$defs", {})
        found[body.__name__] = schema
    found["TokenBody"]["properties"]["scopes"]["items"] = {"enum": list(SCOPES)}
    return found


def _problem() -> Schema:
    error = {
        "code": _STRING,
        "message": _STRING,
        "field": _STRING,
        "allowed": {"type": "array", "items": _STRING},
    }
    return _closed({"error": _closed(error, ["code", "message"])}, ["error"])


def _range() -> Schema:
    pair = {"type": "array", "items": _STRING, "minItems": 2, "maxItems": 2}
    return {"anyOf": [{"enum": list(NAMED_RANGES)}, pair]}


def _common() -> Schema:
    return {
        "site_id": {"type": ["string", "integer"]},
        "date_range": _range(),
        "filters": _filters(),
    }


def _dimension(*, of_query: bool) -> Schema:
    names = [name for name in BY_NAME if of_query or not name.startswith(HIT_PREFIX)]
    names += TIME_DIMENSIONS if of_query else ()
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": "^event:props:.+"}]}


def _filters() -> Schema:
    return {"type": "array", "items": {"type": "array", "minItems": 2}}


def _query() -> Schema:
    page = {
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "offset": {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
    }
    order = {
        "type": "array",
        "prefixItems": [_STRING, {"enum": ["asc", "desc"]}],
        "minItems": 2,
        "maxItems": 2,
    }
    parts = {
        "site_id": {"type": ["string", "integer"]},
        "metrics": {
            "type": "array",
            "items": {"enum": [metric.value for metric in Metric]},
            "minItems": 1,
            "uniqueItems": True,
        },
        "date_range": _range(),
        "dimensions": {
            "type": "array",
            "items": _dimension(of_query=True),
            "maxItems": MAX_DIMENSIONS,
            "uniqueItems": True,
        },
        "filters": _filters(),
        "order_by": {"type": ["array", "null"], "items": order},
        "include": _include(),
        "pagination": _closed(page, []),
    }
    return _closed({key: parts[key] for key in KEYS}, ["site_id", "metrics", "date_range"])


def _include() -> Schema:
    flag = {"type": "boolean"}
    modes = {"enum": [mode.value for mode in ComparisonMode]}
    comparison = {"mode": modes, "date_range": _range(), "match_day_of_week": flag}
    parts = {
        "time_labels": flag,
        "total_rows": flag,
        "totals": flag,
        "imports": flag,
        "trim_relative_date_range": flag,
        "comparisons": {"anyOf": [_closed(comparison, ["mode"]), {"type": "null"}]},
    }
    return _closed(parts, [])


def _funnel_query() -> Schema:
    steps = {
        "type": "array",
        "items": _STRING,
        "minItems": funnels.MIN_STEPS,
        "maxItems": funnels.MAX_STEPS,
    }
    written = {
        "steps": steps,
        "between": {"enum": list(Between)},
        "within": {"enum": list(Within)},
        "window_s": {"type": "integer", "minimum": 1, "maximum": funnels.MAX_WINDOW_S},
    }
    parts = {
        "site_id": {"type": ["string", "integer"]},
        "funnel": {"anyOf": [{"type": "integer"}, _closed(written, ["steps"])]},
        "date_range": _range(),
        "filters": _filters(),
        "dimensions": {"type": "array", "items": _dimension(of_query=False), "maxItems": 1},
        "limit": {"type": "integer", "minimum": 1, "maximum": funnels.MAX_ROWS},
    }
    return _closed({key: parts[key] for key in funnels.KEYS}, ["site_id", "funnel", "date_range"])


def _journey_query() -> Schema:
    text = {"type": "string", "minLength": 1, "maxLength": journeys.MAX_TARGET_CHARACTERS}
    parts = {
        "site_id": {"type": ["string", "integer"]},
        "date_range": _range(),
        "filters": _filters(),
        "direction": {"enum": list(journeys.Direction)},
        "at": _closed(dict.fromkeys(journeys.AT_KEYS, text), []) | {"maxProperties": 1},
        "steps": _whole(journeys.MIN_STEPS, journeys.MAX_STEPS),
        "folders": _whole(0, journeys.MAX_FOLDERS),
        "limit": _whole(1, journeys.MAX_LIMIT),
    }
    return _closed({key: parts[key] for key in journeys.KEYS}, ["site_id", "date_range"])


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _retention_query() -> Schema:
    goal = {"type": ["string", "null"]}
    parts = {
        "site_id": {"type": ["string", "integer"]},
        "date_range": _range(),
        "filters": _filters(),
        "unit": {"enum": list(retention.Unit)},
        "first": goal,
        "again": goal,
    }
    return _closed({key: parts[key] for key in retention.KEYS}, ["site_id", "date_range"])
