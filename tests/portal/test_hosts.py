"""Under which names the portal answers, and that no link is ever made of a name it was asked by."""

from collections.abc import Callable

import pytest

from portal.mail import Mail
from portal.models import Role
from statflow.role_portal import LOOPBACK_NAMES
from tests.portal.conftest import Portal

HOSTS = ("stats.example", *LOOPBACK_NAMES)
EVIL = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "host=evil.example",
}


@pytest.fixture
def mail() -> list[Mail]:
    return []


@pytest.fixture
def named(make_portal: Callable[..., Portal], mail: list[Mail]) -> Portal:
    return make_portal(
        public_url="http://stats.example", trusted_hosts=HOSTS, send_mail=mail.append
    )


@pytest.mark.parametrize("host", ["stats.example", "stats.example:8000", "localhost:8000",
                                  "127.0.0.1:8000", "[::1]:8000"])  # fmt: skip
def test_the_portal_answers_by_its_own_names(named: Portal, host: str) -> None:
    assert named.somebody().get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "stats.example.evil.example", "10.0.0.1", "",
                                  "stats.example@evil.example", "evil.example:80"])  # fmt: skip
@pytest.mark.parametrize("path", ["/login", "/", "/share/x", "/api/v2/sites", "/nothing"])
def test_and_by_no_other(named: Portal, host: str, path: str) -> None:
    answer = named.somebody().get(path, headers={"Host": host})
    assert answer.status_code in {400, 421}
    assert "Set-Cookie" not in answer.headers
    assert "evil.example" not in answer.text


def test_whether_it_lives_is_told_to_anybody(named: Portal) -> None:
    for path in ("/healthz", "/readyz"):
        answer = named.somebody().get(path, headers={"Host": "10.1.2.3:8000"})
        assert answer.is_json


def test_no_link_is_made_of_a_name_it_was_asked_by(
    make_portal: Callable[..., Portal], mail: list[Mail]
) -> None:
    """Also where the operator set no names to answer by."""
    portal = make_portal(public_url="http://stats.example", send_mail=mail.append)
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    form = person.client.get("/forgot").text.partition('name="csrf_token" value="')[2]
    cookie = person.client.get_cookie("statflow")
    assert cookie is not None
    evil = EVIL | {"Cookie": f"statflow={cookie.value}"}
    client = portal.app.test_client(use_cookies=False)
    data = {"csrf_token": form.partition('"')[0], "email": "a@b.c"}
    assert client.post("/forgot", data=data, headers=evil).status_code == 200
    portal.surroundings.background.join()
    assert "http://stats.example/reset/" in mail[-1].text
    assert "evil.example" not in mail[-1].text
    page = client.get("/sites/own.example/sharing", headers=evil)
    assert page.status_code == 200
    assert "evil.example" not in page.text
    assert client.get("/login", headers=evil).headers["Location"] == "/"
