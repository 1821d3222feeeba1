"""Second factors of people in tests."""

import html
import re
from dataclasses import dataclass

import pyotp

from tests.portal.conftest import Person, Portal


@dataclass(frozen=True)
class App:
    """An app that was added, and the recovery codes that came with it."""

    secret: str
    codes: list[str]


def code_at(portal: Portal, secret: str, off_s: int = 0) -> str:
    """The code that the app shows at the portal's moment."""
    return pyotp.TOTP(secret).at(int(portal.clock[0].timestamp()) + off_s)


def add_app(portal: Portal, person: Person) -> App:
    """Add a code app as a person does: read the letters, type the code."""
    page = person.get("/account/factors/app").text
    found = re.search(r"data-secret>([A-Z2-7 ]+)<", page)
    offer = re.search(r'name="offer" value="([^"]+)"', page)
    assert found
    assert offer
    secret = found.group(1).replace(" ", "")
    typed = {"offer": html.unescape(offer.group(1)), "code": code_at(portal, secret)}
    answer = person.post("/account/factors/app", typed)
    assert answer.status_code == 200, answer.headers
    return App(secret, re.findall(r"<code data-code>([^<]+)</code>", answer.text))


def halfway(portal: Portal, email: str) -> Person:
    """Somebody who has passed the first step."""
    person = portal.somebody()
    assert person.sign_in(email).headers["Location"] == "/login/second"
    return person
