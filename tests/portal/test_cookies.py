"""What the portal leaves in a browser, and what its pages say of themselves."""

import re
from collections.abc import Callable

import pytest

from portal.models import Role
from portal.sharing.links import Wanted, make_link
from tests.portal.access.test_walk import world
from tests.portal.access.walk import Verdict, asks, send, verdict
from tests.portal.access.world import World
from tests.portal.conftest import NOW, PASSWORD, Portal

__all__ = ["world"]
_PASSWORD_FIELD = re.compile(r"<input[^>]*password[^>]*>")


@pytest.fixture
def safe(make_portal: Callable[..., Portal]) -> Portal:
    portal = make_portal(public_url="https://stats.example")
    number = portal.site("own.example")
    with portal.database.writing() as session:
        from portal.models import Site  # noqa: PLC0415

        site = session.get_one(Site, number)
        make_link(session, site, Wanted(name="Press", password=PASSWORD), NOW).slug = "press"
    return portal


def set_by(portal: Portal) -> dict[str, str]:
    """Sign in, choose a theme, open a link with a password; give each cookie as it was set."""
    portal.user("a@b.c", Role.OWNER)
    browser = portal.app.test_client()
    found: dict[str, str] = {}

    def post(path: str, **data: str) -> None:
        page = browser.get(
            path if path != "/theme" else "/account", base_url="https://stats.example"
        )
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        options = {
            "base_url": "https://stats.example",
            "headers": {"Referer": "https://stats.example/"},
        }
        answer = browser.post(path, data={"csrf_token": token, **data}, **options)
        assert answer.status_code == 302, (path, answer.status_code)
        for said in (*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")):
            found[said.partition("=")[0]] = said

    post("/share/press", password=PASSWORD)
    post("/login", email="a@b.c", password=PASSWORD)
    post("/theme", theme="dark", next="/")
    return found


def test_with_tls_every_cookie_is_bound_to_the_host(safe: Portal) -> None:
    found = set_by(safe)
    assert set(found) == {"__Host-statflow", "__Host-device", "__Host-theme", "__Secure-link"}
    for name, said in found.items():
        attributes = {part.strip().lower() for part in said.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax"} <= attributes, said
        assert not any(attribute.startswith("domain") for attribute in attributes), said
        path = "path=/share/press" if name == "__Secure-link" else "path=/"
        assert path in attributes, said
        assert len(said.partition(";")[0]) < 4096


def test_signing_out_leaves_nothing_in_the_browser(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    answer = person.post("/logout", {}, form_at="/account")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    kept = person.client.get_cookie("statflow")
    assert kept is None or "_user_id" not in kept.value
    assert person.get("/account").status_code == 302


def test_every_answer_with_a_body_says_what_it_is(world: World) -> None:
    owner = world.callers["owner"]
    for ask in asks(world.portal.app):
        if (
            ask.changed
            or ask.method != "GET"
            or verdict(world.portal.app, owner, ask) is not Verdict.IN
        ):
            continue
        answer = send(world, owner, ask)
        kind = answer.headers.get("Content-Type", "")
        if answer.get_data():
            assert kind, str(ask)
            assert not kind.startswith("text/") or "charset=utf-8" in kind, (str(ask), kind)


def test_every_page_of_the_signed_in_has_a_way_out(world: World) -> None:
    owner = world.callers["owner"]
    for ask in asks(world.portal.app):
        answer = send(world, owner, ask) if ask.method == "GET" and not ask.changed else None
        text = answer.get_data(as_text=True) if answer and answer.mimetype == "text/html" else ""
        is_members = verdict(world.portal.app, owner, ask) is Verdict.IN and ask.rule.startswith(
            ("/sites", "/teams", "/account", "/tokens")
        )
        if "</html>" in text and is_members:
            assert 'action="/logout"' in text, str(ask)


@pytest.mark.parametrize("path", ["/login", "/account", "/sites/own.example/sharing"])
def test_passwords_are_typed_into_fields_that_hide_and_take_pastes(
    portal: Portal, path: str
) -> None:
    portal.site("own.example")
    person = portal.somebody() if path == "/login" else portal.user("a@b.c", Role.OWNER)
    fields = [
        field for field in _PASSWORD_FIELD.findall(person.get(path).text) if "checkbox" not in field
    ]
    assert fields
    for field in fields:
        assert 'type="password"' in field, field
        assert "onpaste" not in field
        assert 'autocomplete="off"' not in field
