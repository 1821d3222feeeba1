"""The API as every kind of caller: made-up questions never bring another team's data to light.

The fuzzer is free to ask for any site, the foreign one and its rows among them; whatever it sends,
an answer holds no word of the foreign team, asks the store of no site but the token's, changes
nothing of the foreign team, and is one that the description knows.
"""

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.portal.access.slots import FOREIGN, HOSTS, IDS, OWN, SITES
from tests.portal.access.world import CANARY, World, build

EXAMPLES = int(os.environ.get("EXAMPLES", "3"))
"""Made-up requests for each operation and caller; a longer hunt sets more."""
CALLERS = (
    "anonymous",
    "owner",
    "token_of_nobody",
    "token_stats:read",
    "token_sites:read",
    "token_sites:write",
    "token_sites:admin",
    "token_people:write",
    "token_events:write",
    "token_every_scope_of_a_viewer",
    "token_every_scope_of_a_guest",
)
NAMES = (HOSTS[OWN], HOSTS[FOREIGN], str(SITES[FOREIGN]), SITES[FOREIGN], HOSTS[FOREIGN].upper())
OF_FOREIGN = "select * from {table} where site_id = 22"


@pytest.fixture(scope="module")
def world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    file = tmp_path_factory.mktemp("tenants") / "portal.sqlite"
    shutil.copy(migrated_file, file)
    yield from build(f"sqlite:///{file}")


def foreign_rows(world: World) -> list[tuple[Any, ...]]:
    tables = ("site_goals", "site_funnels", "site_segments", "site_annotations", "api_tokens")
    found = [world.raw.execute(OF_FOREIGN.format(table=table)).fetchall() for table in tables]
    return [row for rows in found for row in rows]


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLERS)
def test_a_fuzzer_never_gets_another_teams_data(world: World, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis  # noqa: PLC0415 - its imports warn
        from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
        from hypothesis import strategies as st  # noqa: PLC0415
        from schemathesis.generation import GenerationMode  # noqa: PLC0415

    caller, before = world.callers[name], foreign_rows(world)
    app = world.portal.app
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            site=st.sampled_from(NAMES),
            row=st.sampled_from([IDS[OWN], IDS[FOREIGN], 999]),
        )
        def answers(case: Any, site: str | int, row: int) -> None:
            aim(case, site, row)
            world.store.asked.clear()
            answer = case.call(headers=caller.headers())
            text = answer.text + str(answer.headers)
            assert CANARY not in text, case.as_curl_command()
            assert world.store.asked <= {SITES[OWN]}, case.as_curl_command()
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            if not caller.scopes and "openapi" not in case.path:
                assert answer.status_code == 401, case.as_curl_command()
            if site != HOSTS[OWN] and names_a_site(case):
                assert answer.status_code in {400, 401, 403, 404}, case.as_curl_command()

        answers()
    assert foreign_rows(world) == before
    world.take_changes()


def aim(case: Any, site: str | int, row: int) -> None:
    """Point a made-up request at a site and a row."""
    for part in (case.path_parameters, case.query):
        if part:
            part.update({key: str(site) for key in ("site", "site_id") if key in part})
            part.update({"id": row} if "id" in part else {})
    if isinstance(case.body, dict) and "site_id" in case.body:
        case.body["site_id"] = site


def names_a_site(case: Any) -> bool:
    given = {**(case.path_parameters or {}), **(case.query or {})}
    body = case.body if isinstance(case.body, dict) else {}
    return bool({"site", "site_id"} & (given.keys() | body.keys()))


def test_a_field_that_is_not_the_callers_to_set_is_refused(world: World) -> None:
    """Mass assignment: a body sets what it may, and names nothing else."""
    client = world.portal.app.test_client(use_cookies=False)
    headers = world.callers["token_sites:write"].headers()
    goal = {"name": "G", "kind": "event", "target": "G"}
    for extra in ({"site_id": 22}, {"id": 22}, {"user_id": 22}, {"created_at": "2020-01-01"}):
        answer = client.post("/api/v2/sites/own.example/goals", json=goal | extra, headers=headers)
        assert answer.status_code == 400, (extra, answer.text)
    assert world.take_changes() == []
