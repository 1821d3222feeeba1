"""The description of the API is true: a fuzzer that reads it finds nothing, and the docs agree."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal.api.openapi import describe
from portal.commands import SCOPES
from portal.models import Role
from store.client import Store
from tests.portal.conftest import Portal

API = (Path(__file__).parents[3] / "docs/api.md").read_text()
EXAMPLES = int(os.environ.get("EXAMPLES", "12"))
"""Requests that are made up for each operation; a longer hunt sets more."""


@pytest.fixture
def open_portal(make_portal: Callable[..., Portal], store: Store) -> Portal:
    portal = make_portal(store, api_per_hour=0)
    portal.site("own.example")
    portal.user("a@b.c", Role.OWNER)
    return portal


def test_every_route_is_described(open_portal: Portal) -> None:
    paths = describe()["paths"]
    described = {(path, method.upper()) for path, own in paths.items() for method in own
                 if method != "parameters"}  # fmt: skip
    assert described == set(routes(open_portal.app))


def routes(app: Flask) -> Any:
    kinds = "<any(goals, funnels, segments, annotations):kept>"
    for rule in app.url_map.iter_rules():
        foreign = "event, send, batch" in rule.rule or rule.rule.startswith("/api/v1/sites")
        if not rule.rule.startswith("/api/") or foreign:
            continue  # The formats of other products are described by their makers.
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            path = rule.rule.replace("<site>", "{site}").replace("<int:row_id>", "{id}")
            path = path.replace("<name>", "{name}")
            names = ("goals", "funnels", "segments", "annotations") if kinds in path else ("",)
            for name in names:
                yield path.replace(kinds, name), method


def test_every_path_and_scope_is_documented() -> None:
    for path in describe()["paths"]:
        name = path.rsplit("/", 1)[-1] if not path.endswith("}") else path.split("/")[-2]
        assert name.strip("{}") in API, path
    listed = re.findall(r"^\| `(\w+:\w+)` \|", API, re.MULTILINE)
    assert [name for name in listed if name in SCOPES] == list(SCOPES)


def test_the_description_is_open_and_closed_in_itself(open_portal: Portal) -> None:
    answer = open_portal.app.test_client().get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json == describe()
    known = set(describe()["components"]["schemas"])
    used = set(re.findall(r"#/components/schemas/(\w+)", answer.text))
    assert used <= known


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_a_fuzzer_finds_nothing(open_portal: Portal) -> None:
    """Every answer is one that the description knows, and what it forbids is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis  # noqa: PLC0415 - its imports warn
        from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
        from schemathesis.checks import not_a_server_error  # noqa: PLC0415
        from schemathesis.generation import GenerationMode  # noqa: PLC0415
        from schemathesis.specs.openapi.checks import (  # noqa: PLC0415
            content_type_conformance,
            response_schema_conformance,
            status_code_conformance,
        )

    token = open_portal.token("a@b.c", "own.example", tuple(SCOPES))
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", open_portal.app)
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    tried = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def answers(case: Any) -> None:
            tried.add(case.operation.label)
            for name in ("site", "site_id"):
                for part in (case.path_parameters, case.query):
                    if part and name in part:
                        part[name] = "own.example"
            if isinstance(case.body, dict) and "site_id" in case.body:
                case.body["site_id"] = "own.example"
            ends_all = case.operation.label == "DELETE /api/v2/sites/{site}"
            if ends_all or "/tokens" in case.operation.path:
                case.headers = {"Authorization": "Bearer sft_other"}
                case.call_and_validate(checks=checks)
                return
            case.call_and_validate(headers=headers, checks=checks)

        answers()
    described = {
        f"{method.upper()} {path}"
        for path, own in describe()["paths"].items()
        for method in own
        if method != "parameters"
    }
    assert tried | {"GET /api/openapi.json"} == described
