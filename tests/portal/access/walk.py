"""Every route as every caller: what is asked, what the table of rights says to it, what came.

The expectation is made of two things only: the route's own mark (``portal.needs``) and
``portal.teams.rights``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.api.kept import BY_NAME
from portal.commands import SCOPES
from portal.needs import Need, OfToken, Who, declared
from portal.teams.rights import Right
from tests.portal.access.slots import (
    BESIDE,
    BODIES,
    FOR_ONE_ADDRESS,
    FOREIGN,
    KEPT_BODIES,
    MINE,
    MISSING,
    OF_ROUTE,
    OFF_HERE,
    OWN,
    PUBLIC_HOSTS,
    QUERIES,
    VALUES,
    Slot,
    Values,
)
from tests.portal.access.world import NOBODY, Caller, World

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NAME = re.compile(r"<(?:[^<>]*:)?(\w+)>")
_CHOICE = re.compile(r"<any\(([^)]*)\):(\w+)>")
_NOISE = re.compile(r"[0-9a-f]{16}|name=\"csrf_token\"[^>]*")
HINT = """
A route that is new says what it needs below its address: @needs(Right.…), @needs(Who.…) or
@needs(OfToken(…)), see portal/needs.py. What its address and its form hold is listed in
tests/portal/access/slots.py."""


class Verdict(StrEnum):
    """What has to come of a request."""

    IN = "let in"
    LOGIN = "sent to the login"
    UNKNOWN = "401"
    REFUSED = "403"
    NOT_THERE = "404"


@dataclass(frozen=True)
class Ask:
    """One request; ``places`` says whose thing stands in each place, all others being one's own."""

    rule: str
    endpoint: str
    method: str
    chosen: dict[str, str] = field(default_factory=dict)
    changed: str = ""
    place: str = OWN

    def __str__(self) -> str:
        said = f", {self.changed} {self.place}" if self.changed else ""
        return f"{self.method} {self.rule} ({self.endpoint}{said})"

    def place_of(self, name: str) -> str:
        return self.place if name == self.changed else OWN

    def value(self, name: str, caller: Caller) -> Any:
        if name in self.chosen:
            return self.chosen[name]
        found = values_of(self.endpoint, name)[self.place_of(name)]
        return caller.own.get(name, 999) if found == MINE else found

    def path(self, caller: Caller) -> str:
        return _NAME.sub(lambda found: str(self.value(found[1], caller)), self.rule)

    def filled(self, template: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {
            key: self.value(given.name, caller) if isinstance(given, Slot) else given
            for key, given in template.items()
        }

    def body(self) -> dict[str, Any]:
        if "kept" in self.chosen:
            return KEPT_BODIES[self.chosen["kept"]]
        return BODIES.get(self.endpoint, {})


def values_of(endpoint: str, name: str) -> Values:
    if endpoint.startswith("sharing.public") and name == "host":
        return PUBLIC_HOSTS
    found = OF_ROUTE.get((endpoint, name)) or VALUES.get(name)
    assert found is not None, f"What can <{name}> of {endpoint} be?{HINT}"
    return found


def asks(app: Flask) -> Iterator[Ask]:
    """List what is asked of each route: once with one's own, then each thing another's."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for chosen in choices(rule):
                ask = Ask(rule.rule, rule.endpoint, method, chosen)
                yield ask
                for name in names(ask):
                    for place in values_of(rule.endpoint, name):
                        if place != OWN:
                            yield Ask(rule.rule, rule.endpoint, method, chosen, name, place)


def names(ask: Ask) -> list[str]:
    found = [name for name in _NAME.findall(ask.rule) if name not in ask.chosen]
    given = (*ask.body().values(), *QUERIES.get(ask.endpoint, {}).values())
    return found + [slot.name for slot in given if isinstance(slot, Slot)]


def choices(rule: Rule) -> list[dict[str, str]]:
    """Choose of ``<any(a, b):name>``: each kind that a site keeps, of others the first."""
    found: list[dict[str, str]] = [{}]
    for listed, name in _CHOICE.findall(rule.rule):
        values = [value.strip() for value in listed.split(",")]
        kept = values if name == "kept" else values[:1]
        found = [{**one, name: value} for one in found for value in kept]
    return found


def send(world: World, caller: Caller, ask: Ask) -> TestResponse:
    """Send one request as that caller, with the form's token where there is one."""
    client = world.portal.app.test_client(use_cookies=False)
    options: dict[str, Any] = {"headers": caller.headers(), "method": ask.method}
    options["query_string"] = ask.filled(QUERIES.get(ask.endpoint, {}), caller)
    body = ask.filled(ask.body(), caller)
    if ask.rule.startswith("/api/"):
        options["json"] = body if ask.method != "GET" else None
    elif ask.method != "GET":
        options["data"] = {"csrf_token": caller.form_token, **body}
    answer = client.open(ask.path(caller), **options)
    if answer.mimetype == "text/event-stream":
        answer.close()  # It has no end; that it begins is what is asked.
        answer.set_data(b"")
    answer.get_data()
    answer.close()
    return answer


def verdict(app: Flask, caller: Caller, ask: Ask) -> Verdict:
    """Say what has to come, by the route's mark and the table of rights alone."""
    need = declared(app, ask.endpoint)
    assert need is not None, f"{ask.endpoint} does not say what it needs.{HINT}"
    if isinstance(need, OfToken):
        return _of_token(need, caller, ask)
    if need in {Who.ANYBODY, Who.READER, Who.LINK_HOLDER}:
        return _of_anybody(need, caller, ask)
    if not caller.signed_in:
        return Verdict.LOGIN
    if need is Who.SIGNED_IN:
        return Verdict.IN
    if need is Who.ADMINISTRATOR:
        return Verdict.IN if caller.admin else Verdict.REFUSED
    assert isinstance(need, Right)
    return _of_right(need, caller, ask)


def _of_anybody(need: Need, caller: Caller, ask: Ask) -> Verdict:
    if need is Who.ANYBODY:
        return Verdict.IN
    if need is Who.LINK_HOLDER and "<token>" not in ask.rule:
        return Verdict.REFUSED
    if ask.place != OWN:
        return Verdict.NOT_THERE
    another = caller.signed_in and ask.endpoint in FOR_ONE_ADDRESS
    return Verdict.REFUSED if another else Verdict.IN


def _of_right(need: Right, caller: Caller, ask: Ask) -> Verdict:
    if "<host>" in ask.rule:
        found = {OWN: caller.rights, BESIDE: caller.beside}
        held, sees = found.get(ask.place_of("host"), NOBODY), Right.VIEW_STATS
    elif "team_id" in ask.rule:
        held = caller.in_team if ask.place_of("team_id") == OWN else NOBODY
        sees = Right.SEE_TEAM
    else:
        return Verdict.IN if need in caller.in_team else Verdict.REFUSED
    if need in held:
        return Verdict.IN
    return Verdict.REFUSED if sees in held else Verdict.NOT_THERE


def _of_token(need: OfToken, caller: Caller, ask: Ask) -> Verdict:
    if not caller.scopes:
        return Verdict.UNKNOWN
    if need.scope not in caller.scopes:
        return Verdict.REFUSED
    kept = BY_NAME.get(ask.chosen.get("kept", ""))
    right = Right.VIEW_STATS if kept and kept.owned else SCOPES[need.scope]
    if ask.place_of("site") != OWN or right not in caller.rights:
        return Verdict.NOT_THERE
    if need.right is not None and need.right not in caller.rights:
        return Verdict.REFUSED
    is_the_sites = kept and kept.owned and "row_id" in ask.rule and ask.method != "GET"
    if is_the_sites and ask.place == OWN and SCOPES[need.scope] not in caller.rights:
        return Verdict.REFUSED  # A row of the whole site, which the caller may only see.
    return Verdict.IN


def came(ask: Ask, answer: TestResponse, wanted: Verdict, need: Need | None) -> Verdict | str:
    """Say what came, in the words of a verdict where it is one."""
    location = answer.headers.get("Location", "")
    leads_on = need is Who.ANYBODY or ask.endpoint == "accounts.logout"
    to_login = location.startswith("/login") and not leads_on
    if to_login or answer.headers.get("HX-Redirect", "").startswith("/login"):
        return Verdict.LOGIN
    if wanted is Verdict.LOGIN and location == "/login":
        return Verdict.LOGIN
    status = answer.status_code
    if ask.endpoint in OFF_HERE and status == 404:
        return wanted
    if wanted is Verdict.IN and ask.changed and status in {400, 404, 422}:
        return Verdict.IN  # Let in, to what is not there: told apart below.
    if wanted is Verdict.IN and need is Who.ANYBODY and status in {401, 403}:
        return Verdict.IN  # The login's own answer to a wrong password.
    found = {401: Verdict.UNKNOWN, 403: Verdict.REFUSED, 404: Verdict.NOT_THERE}
    if status in found:
        return found[status]
    ok = status < 500 or status == 503  # The store is away.
    return Verdict.IN if ok and status not in {400, 405} else f"status {status}"


def essence(ask: Ask, caller: Caller, answer: TestResponse, flashes: Any) -> tuple[Any, ...]:
    """Give an answer without what names the thing that was asked for."""
    path = ask.path(caller)
    given = str(ask.value(ask.changed, caller)) if ask.changed else "nothing"
    text = _NOISE.sub("", answer.get_data(as_text=True))
    location = answer.headers.get("Location", "") + answer.headers.get("HX-Redirect", "")
    for found in (path, quote(path, safe=""), quote(path)):
        text, location = text.replace(found, "~"), location.replace(found, "~")
    named = re.compile(rf"\b{re.escape(given)}\b")
    text, location = named.sub("~", text), named.sub("~", location)
    length = answer.headers.get("Content-Type"), sorted(answer.headers.keys())
    return answer.status_code, text, location, length, flashes


def flashes_of(world: World, answer: TestResponse) -> Any:
    """Read the sentences that the next page will show."""
    for said in answer.headers.getlist("Set-Cookie"):
        name, _, value = said.partition(";")[0].partition("=")
        if name == "statflow" and value:
            signer = world.portal.app.session_interface.get_signing_serializer(world.portal.app)
            return signer.loads(value).get("_flashes")
    return None


__all__ = ["FOREIGN", "MISSING", "Ask", "Verdict", "asks", "came", "essence", "send", "verdict"]
