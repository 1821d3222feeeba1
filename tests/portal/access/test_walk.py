"""Nobody gets where they do not belong: every route, every kind of caller, whoever's things.

For each caller one walk over all of the portal's addresses; what has to come is worked out from the
routes' own marks and the table of rights. A thing of somebody else's and one that is not there must
be one and the same answer; what is refused, and every GET, changes nothing; nothing of the foreign
team is ever in an answer or asked of the store; and every answer carries the policy headers.
"""

import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from portal.commands import SCOPES
from portal.models import Role
from portal.needs import OfToken, Who, declared
from portal.security import HEADERS
from portal.teams.rights import GUEST_RIGHTS
from tests.portal.access.slots import BESIDE, BODIES, OF_ROUTE, OPEN_HOST, QUERIES, SITES
from tests.portal.access.walk import (
    FOREIGN,
    HINT,
    METHODS,
    MISSING,
    Ask,
    Verdict,
    asks,
    came,
    essence,
    flashes_of,
    send,
    verdict,
)
from tests.portal.access.world import CANARY, OPEN_SITE, Caller, World, build

CALLERS = (
    *(role.value for role in Role),
    *(f"guest_{role.value}" for role in GUEST_RIGHTS),
    *("stranger", "administrator", "anonymous", "anonymous_htmx", "reader_with_password"),
    *("token_of_nobody", *(f"token_{scope}" for scope in SCOPES)),
    *("token_every_scope_of_a_viewer", "token_every_scope_of_a_guest"),
    *("ended_session", "half_signed_in"),
)
"""Who walks; a new kind of caller is added in ``world.build``."""
OPEN_TO_FRAMES = {"Content-Security-Policy", "X-Frame-Options"}
PICTURE = "pictures.document"
OF_PICTURES = OPEN_TO_FRAMES | {"Referrer-Policy", "Cross-Origin-Opener-Policy"}
"""Headers that a customer's page without scripts has otherwise, in the portal's own frame."""
WITHOUT_A_FORM = {"events.take", "leaving.end"}
"""Events of other trackers, and the one click by which mail programs unsubscribe (RFC 8058)."""
EVENTS = "events.take"
"""Its headers are the collector's."""


@pytest.fixture(scope="session")
def world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    file = tmp_path_factory.mktemp("walk") / "portal.sqlite"
    shutil.copy(migrated_file, file)
    yield from build(f"sqlite:///{file}")


def test_every_route_says_what_it_needs(world: World) -> None:
    app = world.portal.app
    silent = sorted(
        {r.endpoint for r in app.url_map.iter_rules() if declared(app, r.endpoint) is None}
    )
    assert not silent, f"{', '.join(silent)} do not say what they need.{HINT}"


def test_what_is_listed_for_the_walk_is_of_routes_that_exist(world: World) -> None:
    known = set(world.portal.app.view_functions)
    assert {*BODIES, *QUERIES, *(endpoint for endpoint, _ in OF_ROUTE)} <= known


def test_every_kind_of_caller_walks(world: World) -> None:
    assert set(CALLERS) == set(world.callers)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", CALLERS)
def test_a_caller_comes_as_far_as_the_table_says(world: World, name: str) -> None:
    caller, wrong = world.callers[name], []
    answers: dict[tuple[Ask, str], tuple[object, ...]] = {}
    for ask in asks(world.portal.app):
        world.store.asked.clear()
        answer = send(world, caller, ask)
        changed = world.take_changes()
        wrong += problems(world, caller, ask, answer, changed)
        if declared(world.portal.app, ask.endpoint) is Who.ADMINISTRATOR and caller.admin:
            continue  # Everybody is theirs to see to.
        group = Ask(ask.rule, ask.endpoint, ask.method, ask.chosen, ask.changed)
        key = repr(group)
        answers[key, ask.place] = essence(ask, caller, answer, flashes_of(world, answer))
    wrong += told_apart(answers)
    assert not wrong, "\n".join(wrong[:30]) + HINT


def problems(
    world: World, caller: Caller, ask: Ask, answer: TestResponse, changed: list[str]
) -> Iterator[str]:
    """Say what is wrong with one answer."""
    app = world.portal.app
    need, wanted = declared(app, ask.endpoint), verdict(app, caller, ask)
    found = came(ask, answer, wanted, need)
    if found != wanted:
        yield f"{caller.name}: {ask}: has to be {wanted}, came {found} ({answer.status_code})"
    everything = need is Who.ADMINISTRATOR and wanted is Verdict.IN
    elsewhere = ask.changed and ask.place != BESIDE and not everything
    if changed and (ask.method == "GET" or wanted is not Verdict.IN or elsewhere):
        yield f"{caller.name}: {ask}: {wanted}, yet it changed {', '.join(changed)}"
    if CANARY in answer.get_data(as_text=True) + str(answer.headers) and not everything:
        yield f"{caller.name}: {ask}: tells of the foreign team"
    if world.store.asked - allowed_sites(caller) or world.store.unbound:
        yield f"{caller.name}: {ask}: asks the store of {world.store.asked}, {world.store.unbound}"
    yield from (f"{caller.name}: {ask}: {said}" for said in header_problems(ask, answer))


def allowed_sites(caller: Caller) -> set[int]:
    beside = {SITES[BESIDE]} if caller.beside else set()
    return {SITES["own"], OPEN_SITE} | beside


def header_problems(ask: Ask, answer: TestResponse) -> Iterator[str]:
    """Say which of the headers that every answer has are missing or others."""
    framed = ask.endpoint.startswith("sharing.framed") and answer.status_code in {200, 503}
    is_picture = ask.endpoint == PICTURE and answer.status_code == HTTPStatus.OK
    for name, value in HEADERS.items():
        if (framed and name in OPEN_TO_FRAMES) or (is_picture and name in OF_PICTURES):
            continue
        if answer.headers.get(name) != value and not (
            ask.endpoint == EVENTS and name == "Cross-Origin-Resource-Policy"
        ):
            yield f"{name} is {answer.headers.get(name)}"
    kept = ask.endpoint in {"static", "sharing.background"}
    if not kept and ask.endpoint != EVENTS and answer.headers.get("Cache-Control") != "no-store":
        yield f"Cache-Control is {answer.headers.get('Cache-Control')}"
    policy = answer.headers["Content-Security-Policy"]
    if is_picture and not (policy.startswith("default-src 'none'") and "sandbox" in policy):
        yield f"a picture's policy lets too much in: {policy}"
    if framed and "https://blog.example" not in answer.headers["Content-Security-Policy"]:
        yield "the frame's policy names no page that may frame it"
    for cookie in answer.headers.getlist("Set-Cookie"):
        attributes = cookie.lower()
        if (
            "httponly" not in attributes
            or "samesite=lax" not in attributes
            or "domain=" in attributes
        ):
            yield f"a cookie is not guarded: {cookie.partition('=')[0]}"
    if "Server" in answer.headers or answer.headers.get("Access-Control-Allow-Origin"):
        yield "a header that tells or opens too much"


def told_apart(answers: dict[tuple[str, str], tuple[object, ...]]) -> Iterator[str]:
    """Say where somebody else's thing is answered otherwise than one that is not there."""
    for (group, place), found in answers.items():
        if place == FOREIGN and (group, MISSING) in answers and found != answers[group, MISSING]:
            other = answers[group, MISSING]
            differs = [
                f"{a!r:.300} / {b!r:.300}" for a, b in zip(found, other, strict=True) if a != b
            ]
            yield f"{group}: what is another's and what is not there differ: {differs}"


def test_another_method_is_no_way_in(world: World) -> None:
    """What a route does not take is refused, whoever asks, and changes nothing."""
    app = world.portal.app
    adapter = app.url_map.bind("localhost")
    for name in ("anonymous", "owner", "token_sites:write"):
        caller = world.callers[name]
        for ask in asks(app):
            path = ask.path(caller)
            known = set(adapter.allowed_methods(path))
            for method in set(METHODS) - known if not ask.changed else ():
                client = app.test_client(use_cookies=False)
                form = {"csrf_token": caller.form_token}
                answer = client.open(path, method=method, headers=caller.headers(), data=form)
                assert answer.status_code == 405, (method, path, answer.status_code)
                assert world.take_changes() == []


def test_no_form_changes_anything_without_its_own_token(world: World) -> None:
    """Without a token, with a made-up one, and with that of another person's form."""
    app, owner = world.portal.app, world.callers["owner"]
    for ask in asks(app):
        need = declared(app, ask.endpoint)
        if (
            ask.method == "GET"
            or ask.changed
            or isinstance(need, OfToken)
            or ask.endpoint in WITHOUT_A_FORM
        ):
            continue
        for token in ("", "made-up", world.callers["viewer"].form_token):
            client = app.test_client(use_cookies=False)
            data = ask.filled(ask.body(), owner) | {"csrf_token": token}
            answer = client.open(
                ask.path(owner), method=ask.method, headers=owner.headers(), data=data
            )
            assert answer.status_code == 400, (str(ask), answer.status_code)
            assert world.take_changes() == [], str(ask)


def test_a_cookie_opens_no_api_and_a_token_no_page(world: World) -> None:
    """So a browser can be made to send no request to the API that counts."""
    app = world.portal.app
    for name in ("owner", "token_sites:read"):
        for ask in asks(app):
            need, caller = declared(app, ask.endpoint), world.callers[name]
            wanted = verdict(app, caller, ask)
            if isinstance(need, OfToken) and caller.signed_in:
                assert wanted is Verdict.UNKNOWN
            if isinstance(need, Who) and need is Who.SIGNED_IN and caller.bearer:
                assert wanted is Verdict.LOGIN


def test_the_open_site_is_the_only_public_one(world: World) -> None:
    anonymous = world.portal.app.test_client()
    assert anonymous.get(f"/public/{OPEN_HOST}").status_code == 200
    assert anonymous.get("/public/own.example").status_code == 404
