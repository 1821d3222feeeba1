"""Single sign-on against a real provider on loopback, and attacks on it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey
from sqlalchemy import select, update

from portal.accounts import oidc
from portal.accounts.oidc import GroupRole, SingleSignOn
from portal.accounts.one_time import reset_path
from portal.commands import confirm_person
from portal.models import Identity, Membership, Role, Team, User
from tests.portal.conftest import NOW, PASSWORD, Person, Portal
from tests.portal.factors import add_app, code_at
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, running_provider

NEW = "plum harbour quite slow"
ANN = {"sub": "ann-1", "email": "ann@b.c", "email_verified": True, "groups": ["staff"]}


@dataclass
class Sso:
    """A portal and its provider."""

    portal: Portal
    provider: OidcProvider

    def answer(self, person: Person, path: str = "/login/sso") -> str:
        """Go to the provider and give the path that it sends back to."""
        gone = person.get(path)
        assert gone.status_code == 302, gone.text
        back = requests.get(gone.headers["Location"], allow_redirects=False, timeout=5)
        parts = urlsplit(back.headers["Location"])
        return f"{parts.path}?{parts.query}"

    def sign_in(self, person: Person | None = None, path: str = "/login/sso") -> Person:
        person = person or self.portal.somebody()
        person.get(self.answer(person, path))
        return person

    def is_in(self, person: Person) -> bool:
        return person.get("/teams").status_code == 200

    def users(self) -> list[str]:
        with self.portal.database.reading() as session:
            return list(session.scalars(select(User.email).order_by(User.email)))


@pytest.fixture
def make_sso(make_portal: Callable[..., Portal]) -> Iterator[Callable[..., Sso]]:
    held: list[Portal] = []

    def now_s() -> int:
        return int((held[0].clock[0] if held else NOW).timestamp())

    with running_provider(now_s) as provider:
        provider.person = dict(ANN)

        def make(**options: Any) -> Sso:
            settings = SingleSignOn(
                issuer=provider.issuer,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                name="Our door",
                roles=(GroupRole("staff", "Default", Role.VIEWER),),
            )
            portal = make_portal(
                sso=replace(settings, **options), public_url="http://portal.example"
            )
            held[:] = [portal]
            return Sso(portal, provider)

        yield make


@pytest.fixture
def sso(make_sso: Callable[..., Sso]) -> Sso:
    return make_sso()


def linking(person: Person) -> str:
    """The address that the account's page has for linking."""
    found = re.search(r'href="(/login/sso\?link=[^"]+)"', person.get("/account").text)
    assert found
    return found.group(1)


def refused(sso: Sso, person: Person, answer: str) -> str:
    """Bring an answer that must let nobody in; give what is said then."""
    shown = person.get(answer, follow_redirects=True)
    assert not sso.is_in(person)
    return shown.text


def test_somebody_of_a_group_comes_in_and_is_in_its_team(sso: Sso) -> None:
    sso.portal.site("own.example")
    person = sso.sign_in()
    assert person.get("/sites/own.example").status_code == 200
    assert "Our door" in person.get("/account").text
    with sso.portal.database.reading() as session:
        user = session.scalars(select(User)).one()
        assert user.confirmed_at == NOW
        assert user.password_hash == ""
    assert sso.sign_in() is not None
    assert sso.users() == ["ann@b.c"]
    asked = sso.provider.asked[0]
    assert asked["redirect_uri"] == "http://portal.example/login/sso/answer"


def test_no_password_opens_an_account_that_has_none(sso: Sso) -> None:
    sso.sign_in()
    for guess in ("", "nobody has this password", PASSWORD):
        assert sso.portal.somebody().sign_in("ann@b.c", guess).headers.get("Location") is None


def test_a_change_of_address_at_the_provider_opens_the_same_account(sso: Sso) -> None:
    sso.sign_in()
    sso.provider.person["email"] = "other@b.c"
    assert sso.is_in(sso.sign_in())
    assert sso.users() == ["ann@b.c"]


def test_somebody_unknown_and_in_no_group_is_not_let_in(sso: Sso) -> None:
    sso.provider.person["groups"] = ["others"]
    person = sso.portal.somebody()
    assert "There is no account" in refused(sso, person, sso.answer(person))
    assert sso.users() == []


def test_an_invitation_is_taken_by_single_sign_on(sso: Sso) -> None:
    sso.provider.person["groups"] = []
    owner = sso.portal.user("o@b.c", Role.OWNER)
    typed = {"email": "ann@b.c", "role": "editor", "place": ""}
    page = owner.post("/teams/1/invitations", typed, form_at="/teams/1").text
    link = page.partition('value="http://portal.example')[2].partition('"')[0]
    person = sso.sign_in(path=f"/login/sso?next={link}")
    assert person.post(link, {}).status_code == 302
    assert "ann@b.c" in owner.get("/teams/1").text


def test_groups_are_followed_at_each_sign_in(make_sso: Callable[..., Sso]) -> None:
    roles = (
        GroupRole("staff", "Default", Role.VIEWER),
        GroupRole("web", "Default", Role.ADMIN),
        GroupRole("web", "Nowhere", Role.ADMIN),
    )
    sso = make_sso(roles=roles)

    def role() -> Role | None:
        with sso.portal.database.reading() as session:
            return session.scalar(select(Membership.role))

    sso.provider.person["groups"] = ["staff", "web"]
    sso.sign_in()
    assert role() == Role.ADMIN
    sso.provider.person["groups"] = "staff"
    sso.sign_in()
    assert role() == Role.VIEWER
    sso.provider.person["groups"] = []
    sso.sign_in()
    assert role() is None


def test_a_role_given_by_hand_stays_and_so_does_the_last_owner(sso: Sso) -> None:
    sso.portal.user("ann@b.c", Role.OWNER)
    with sso.portal.database.writing() as session:
        confirm_person(session, "ann@b.c")
    sso.sign_in()
    with sso.portal.database.writing() as session:
        member = session.scalars(select(Membership)).one()
        assert (member.role, member.by_group) == (Role.OWNER, False)
        member.by_group = True
    sso.provider.person["groups"] = []
    sso.sign_in()
    with sso.portal.database.reading() as session:
        assert session.scalars(select(Membership)).one().role == Role.OWNER


def test_groups_may_come_from_userinfo(sso: Sso) -> None:
    del sso.provider.person["groups"]
    sso.provider.in_userinfo = {"groups": ["staff"], "email": "evil@b.c", "email_verified": True}
    assert sso.is_in(sso.sign_in())
    assert sso.users() == ["ann@b.c"]


def test_an_address_and_its_proof_come_from_one_place(sso: Sso) -> None:
    sso.provider.person = {"sub": "x", "email": "victim@b.c", "groups": ["staff"]}
    sso.provider.in_userinfo = {"email": "mine@b.c", "email_verified": True}
    sso.sign_in()
    assert sso.users() == ["mine@b.c"]


def test_userinfo_of_somebody_else_is_not_believed(sso: Sso) -> None:
    del sso.provider.person["groups"]
    sso.provider.in_userinfo = {"sub": "another", "groups": ["staff"]}
    person = sso.portal.somebody()
    assert "cannot be reached" in refused(sso, person, sso.answer(person))


@pytest.mark.parametrize("verified", [False, None, "true", "false", 1])
def test_an_address_that_is_not_verified_opens_nothing(sso: Sso, verified: Any) -> None:
    sso.portal.user("ann@b.c", Role.OWNER)
    with sso.portal.database.writing() as session:
        confirm_person(session, "ann@b.c")
    sso.provider.person["email_verified"] = verified
    if verified is None:
        del sso.provider.person["email_verified"]
    person = sso.portal.somebody()
    assert "verified" in refused(sso, person, sso.answer(person))
    with sso.portal.database.reading() as session:
        assert session.scalars(select(Identity)).all() == []


def test_an_account_whose_address_nobody_confirmed_is_not_taken_over(sso: Sso) -> None:
    owner = sso.portal.user("ann@b.c", Role.OWNER)
    person = sso.portal.somebody()
    assert "never confirmed" in refused(sso, person, sso.answer(person))
    assert sso.sign_in(owner, linking(owner)).get("/account").status_code == 200
    assert sso.is_in(sso.sign_in())
    assert sso.users() == ["ann@b.c"]


def test_an_account_with_a_confirmed_address_is_linked(sso: Sso) -> None:
    sso.portal.user("ann@b.c", Role.OWNER)
    with sso.portal.database.writing() as session:
        confirm_person(session, "ann@b.c")
    assert sso.is_in(sso.sign_in())
    assert sso.users() == ["ann@b.c"]


def test_an_identity_of_another_account_is_not_linked(sso: Sso) -> None:
    sso.sign_in()
    other = sso.portal.user("o@b.c")
    page = other.get(sso.answer(other, linking(other)), follow_redirects=True).text
    assert "opens another account" in page
    with sso.portal.database.reading() as session:
        assert session.scalars(select(Identity)).one().email == "ann@b.c"


def test_linking_asks_who_one_is(sso: Sso) -> None:
    person = sso.portal.user("o@b.c")
    sso.portal.later(minutes=16)
    assert person.get(linking(person)).headers["Location"].startswith("/account/again")
    assert sso.portal.somebody().get("/login/sso?link=1").headers["Location"] == "/login"


def test_the_only_way_in_is_not_unlinked(sso: Sso) -> None:
    person = sso.sign_in()
    path = "/account/sso/1/unlink"
    assert person.post(path, {}, form_at="/account").status_code == 404
    with sso.portal.database.writing() as session:
        session.execute(update(User).values(password_hash="x"))
    stranger = sso.portal.user("o@b.c")
    assert stranger.post(path, {}, form_at="/account").status_code == 404
    assert person.post(path, {}, form_at="/account").status_code == 302


ALTERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "nonce": lambda claims: claims.update(nonce="another"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "audience": lambda claims: claims.update(aud="another client"),
    "audiences": lambda claims: claims.update(aud=[CLIENT_ID, "b"], azp="b"),
    "issuer": lambda claims: claims.update(iss="http://127.0.0.1:1"),
    "too old": lambda claims: claims.update(exp=claims["iat"] - 120),
    "no end": lambda claims: claims.pop("exp"),
    "no subject": lambda claims: claims.pop("sub"),
    "end of another kind": lambda claims: claims.update(exp="soon"),
    "groups of another kind": lambda claims: claims.update(sub=None, groups=[{"a": 1}]),
    "subject of another kind": lambda claims: claims.update(sub=["ann-1"]),
    "from the future": lambda claims: claims.update(iat=claims["iat"] + 3600),
    "hash of another token": lambda claims: claims.update(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_id_token_that_is_wrong_lets_nobody_in(sso: Sso, what: str) -> None:
    sso.provider.alter = ALTERED[what]
    person = sso.portal.somebody()
    assert "cannot be reached" in refused(sso, person, sso.answer(person))
    assert sso.users() == []


@pytest.mark.parametrize("told", [{}, {"keys": None}, {"keys": [{}]}, {"keys": [7]}])
def test_keys_that_are_none_let_nobody_in(sso: Sso, told: dict[str, Any]) -> None:
    sso.provider.jwks = lambda: told  # type: ignore[method-assign]
    person = sso.portal.somebody()
    assert "cannot be reached" in refused(sso, person, sso.answer(person))


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_an_id_token_without_a_key_of_the_provider_lets_nobody_in(sso: Sso, algorithm: str) -> None:
    sso.provider.algorithm = algorithm
    person = sso.portal.somebody()
    refused(sso, person, sso.answer(person))


def test_a_key_that_only_pretends_lets_nobody_in_and_a_new_one_does(sso: Sso) -> None:
    sso.sign_in()
    kid, told = sso.provider.key.kid, sso.provider.jwks()
    sso.provider.key = RSAKey.generate_key(2048, {"kid": kid}, private=True)
    sso.provider.jwks = lambda: told  # type: ignore[method-assign]
    person = sso.portal.somebody()
    refused(sso, person, sso.answer(person))
    del sso.provider.jwks
    sso.provider.new_key()
    assert sso.is_in(sso.sign_in())
    assert sso.provider.fetched.count("/.well-known/openid-configuration") == 1


def test_an_answer_counts_once_and_only_where_it_was_asked_for(sso: Sso) -> None:
    victim, thief = sso.portal.somebody(), sso.portal.somebody()
    of_thief = sso.answer(thief)
    assert "belongs to no sign-in" in refused(sso, victim, of_thief)
    sso.answer(victim)
    assert "belongs to no sign-in" in refused(sso, victim, of_thief)
    person = sso.portal.somebody()
    answer = sso.answer(person)
    kept = person.client.get_cookie("statflow")
    assert kept
    person.get(answer)
    assert sso.is_in(person)
    replay = sso.portal.somebody()
    replay.client.set_cookie("statflow", kept.value)
    assert "belongs to no sign-in" in refused(sso, replay, answer)


def test_a_code_of_another_sign_in_lets_nobody_in(sso: Sso) -> None:
    thief, victim = sso.portal.somebody(), sso.portal.somebody()
    stolen = parse_qs(urlsplit(sso.answer(victim)).query)["code"][0]
    mine = parse_qs(urlsplit(sso.answer(thief)).query)
    answer = f"/login/sso/answer?code={stolen}&state={mine['state'][0]}"
    refused(sso, thief, answer)


@pytest.mark.parametrize("tail", ["?error=access_denied&state={state}", "?state={state}", "", "?x"])
def test_an_answer_without_a_code_lets_nobody_in(sso: Sso, tail: str) -> None:
    person = sso.portal.somebody()
    state = parse_qs(urlsplit(sso.answer(person)).query)["state"][0]
    refused(sso, person, "/login/sso/answer" + tail.format(state=state))


def test_an_answer_of_another_issuer_lets_nobody_in(sso: Sso) -> None:
    person = sso.portal.somebody()
    answer = sso.answer(person).partition("&iss=")[0]
    refused(sso, person, f"{answer}&iss=http%3A%2F%2Fevil.example")


def test_an_answer_that_took_too_long_lets_nobody_in(sso: Sso) -> None:
    person = sso.portal.somebody()
    answer = sso.answer(person)
    sso.portal.later(minutes=11)
    refused(sso, person, answer)


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://another.example"}, {"token_endpoint": None}, {"jwks_uri": 7}],
)
def test_a_discovery_document_that_is_wrong_is_not_followed(
    sso: Sso, document: dict[str, Any]
) -> None:
    sso.provider.document = document
    gone = sso.portal.somebody().get("/login/sso", follow_redirects=True)
    assert "cannot be reached" in gone.text


def test_a_provider_that_is_away_says_so_and_comes_back(
    sso: Sso, monkeypatch: pytest.MonkeyPatch
) -> None:
    sso.provider.failing = True
    person = sso.portal.somebody()
    for _ in range(3):
        assert "cannot be reached" in person.get("/login/sso", follow_redirects=True).text
    assert len(sso.provider.fetched) == 1
    sso.provider.failing = False
    monkeypatch.setattr("portal.accounts.oidc.time.monotonic", lambda: monotonic() + oidc.AWAY_S)
    assert sso.is_in(sso.sign_in(person))


def test_a_factor_of_the_account_is_asked_for_unless_the_provider_did(sso: Sso) -> None:
    person = sso.sign_in()
    app = add_app(sso.portal, person)
    other = sso.portal.somebody()
    assert other.get(sso.answer(other)).headers["Location"] == "/login/second"
    assert not sso.is_in(other)
    sso.portal.later(minutes=1)
    other.post("/login/second", {"code": code_at(sso.portal, app.secret)})
    assert sso.is_in(other)
    sso.provider.person["amr"] = ["pwd", "otp", "mfa"]
    assert sso.is_in(sso.sign_in())


def test_who_one_is_is_asked_at_the_provider(sso: Sso) -> None:
    person = sso.sign_in()
    sso.portal.later(minutes=16)
    page = person.get("/account/again?next=/account/factors/app").text
    assert "Our door" in page
    assert 'type="password"' not in page
    path = "/login/sso?again=1&next=/account/factors/app"
    done = person.get(sso.answer(person, path))
    assert sso.provider.asked[-1]["prompt"] == "login"
    assert done.headers["Location"] == "/account/factors/app"
    assert person.get("/account/factors/app").status_code == 200


def test_a_stale_or_foreign_sign_in_at_the_provider_proves_nothing(sso: Sso) -> None:
    person = sso.sign_in()
    sso.portal.later(minutes=16)
    path = "/login/sso?again=1"
    sso.provider.person["auth_time"] = int(NOW.timestamp())
    person.get(sso.answer(person, path))
    assert person.get("/account/factors/app").status_code == 302
    del sso.provider.person["auth_time"]
    sso.provider.person |= {"sub": "bob-1", "email": "bob@b.c"}
    page = person.get(sso.answer(person, path), follow_redirects=True).text
    assert "somebody else" in page
    assert person.get("/account/factors/app").status_code == 302


def test_a_session_of_single_sign_on_lasts_a_day(sso: Sso) -> None:
    person, by_password = sso.sign_in(), sso.portal.user("o@b.c")
    sso.portal.later(hours=23)
    assert sso.is_in(person)
    sso.portal.later(hours=2)
    assert not sso.is_in(person)
    assert by_password.get("/teams").status_code == 200


def test_signing_out_offers_to_sign_out_there_too(sso: Sso) -> None:
    person = sso.sign_in()
    out = person.post("/logout", {}, form_at="/teams")
    page = person.get(out.headers["Location"]).text
    assert "/logout/sso" in page
    there = person.get("/logout/sso").headers["Location"]
    assert there.startswith(f"{sso.provider.issuer}/logout?")
    assert parse_qs(urlsplit(there).query)["post_logout_redirect_uri"] == [
        "http://portal.example/login"
    ]


def test_only_single_sign_on_leaves_no_other_way_but_the_operators(
    make_sso: Callable[..., Sso],
) -> None:
    open_to_all = make_sso()
    open_to_all.portal.user("o@b.c", Role.OWNER)
    sso = make_sso(only=True)
    person = sso.portal.somebody()
    page = person.get("/login").text
    assert 'type="password"' not in page
    assert "passkey" not in page
    typed = {"email": "o@b.c", "password": PASSWORD}
    closed = [
        person.post("/login", typed, form_at="/setup").status_code,
        person.post("/login/passkey", {}, form_at="/setup").status_code,
        person.get("/forgot").status_code,
        person.get("/signup").status_code,
    ]
    assert all(status in {400, 403, 404} for status in closed), closed
    assert sso.is_in(sso.sign_in())
    with sso.portal.database.writing() as session:
        link = reset_path(session, "o@b.c", sso.portal.clock[0])
    back = sso.portal.somebody()
    assert back.post(link, {"password": NEW}).status_code == 302
    assert sso.is_in(back)


def test_the_operator_confirms_an_address_for_single_sign_on(make_sso: Callable[..., Sso]) -> None:
    sso = make_sso(only=True)
    with sso.portal.database.writing() as session:
        session.add(User(email="ann@b.c", password_hash="", session_key="k", created_at=NOW))
    person = sso.portal.somebody()
    assert "statflow user confirm ann@b.c" in refused(sso, person, sso.answer(person))
    with sso.portal.database.writing() as session:
        confirm_person(session, "ann@b.c")
    assert sso.is_in(sso.sign_in())


def test_without_a_provider_there_is_no_such_page(portal: Portal) -> None:
    for path in ("/login/sso", "/login/sso/answer", "/logout/sso"):
        assert portal.somebody().get(path).status_code == 404
    assert "single sign-on" not in portal.somebody().get("/login").text


def test_a_team_that_asks_for_a_factor_asks_people_of_single_sign_on_too(sso: Sso) -> None:
    sso.portal.site("own.example")
    with sso.portal.database.writing() as session:
        session.execute(update(Team).values(needs_factor=True))
    person = sso.sign_in()
    assert person.get("/sites/own.example").headers["Location"] == "/account/factors"
    add_app(sso.portal, person)
    assert person.get("/sites/own.example").status_code == 200


def test_no_other_page_begins_a_link_to_the_account(sso: Sso) -> None:
    """Else who had somebody signed in at the provider as themselves could enter their account."""
    person = sso.portal.user("owner@b.c")
    for token in ("", "1", "made-up"):
        assert person.get("/login/sso", query_string={"link": token}).status_code == 400
    assert person.get(linking(person)).status_code == 302
    with sso.portal.database.reading() as session:
        assert session.scalars(select(Identity)).all() == []
