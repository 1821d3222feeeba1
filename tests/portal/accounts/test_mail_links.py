"""Links by mail: forgotten passwords, open sign-up, confirmed addresses; a real mail server."""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from portal.accounts.one_time import reset_path
from portal.commands import CommandError
from portal.mail import Mail, smtp_sender
from portal.models import OneTimeLink, Role, User
from tests.portal.conftest import Portal

NEW = "plum harbour quite slow"
LINK = re.compile(r"http://portal\.example(/\S+)")


@dataclass
class Mailbox:
    """What arrived, as a mail server's handler keeps it."""

    received: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        del server, session
        text = envelope.content.decode()
        self.received.append((envelope.rcpt_tos[0], text.replace("=\r\n", "").replace("=3D", "=")))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@dataclass
class Mailing:
    portal: Portal
    box: Mailbox

    def link(self) -> str:
        """Wait for the mail that is under way and give its link."""
        self.portal.surroundings.background.join()
        found = LINK.search(self.box.received[-1][1])
        return found.group(1) if found else ""


@pytest.fixture
def mailing(make_portal: Callable[..., Portal], mailbox: tuple[Mailbox, str]) -> Mailing:
    box, url = mailbox
    send = smtp_sender(url, "statflow@portal.example", ())
    options = {"send_mail": send, "open_signup": True}
    return Mailing(make_portal(public_url="http://portal.example", **options), box)


def test_a_forgotten_password_is_set_by_mail_and_every_session_ends(mailing: Mailing) -> None:
    old = mailing.portal.user("a@b.c", Role.OWNER)
    person = mailing.portal.somebody()
    answer = person.post("/forgot", {"email": " A@b.c"})
    assert "Look into your mail" in answer.text
    link = mailing.link()
    assert mailing.box.received[-1][0] == "a@b.c"
    assert person.get(link).status_code == 200
    assert person.post(link, {"password": "password1"}).status_code == 422
    assert person.post(link, {"password": NEW}).status_code == 302
    assert person.get("/").status_code == 200
    assert old.get("/").status_code == 302
    assert mailing.portal.somebody().get(link).status_code == 404
    assert mailing.portal.somebody().sign_in("a@b.c").status_code == 401
    assert mailing.portal.somebody().sign_in("a@b.c", NEW).status_code == 302


def test_a_reset_link_lives_an_hour(mailing: Mailing) -> None:
    mailing.portal.user("a@b.c")
    mailing.portal.somebody().post("/forgot", {"email": "a@b.c"})
    link = mailing.link()
    mailing.portal.later(minutes=61)
    assert mailing.portal.somebody().get(link).status_code == 404


@pytest.mark.parametrize("path", ["/forgot", "/signup"])
def test_the_answer_is_the_same_with_and_without_an_account(mailing: Mailing, path: str) -> None:
    mailing.portal.user("a@b.c")
    person = mailing.portal.somebody()
    one = person.post(path, {"email": "a@b.c"})
    other = person.post(path, {"email": "x@y.z"})
    mailing.portal.surroundings.background.join()

    def plain(text: str, email: str) -> str:
        return re.sub(r'value="[^"]{60,}"', "", text.replace(email, "EMAIL"))

    assert one.status_code == other.status_code == 200
    assert plain(one.text, "a@b.c") == plain(other.text, "x@y.z")
    wanted = {"a@b.c"} if path == "/forgot" else {"a@b.c", "x@y.z"}
    assert {to for to, _ in mailing.box.received} == wanted


def test_one_address_gets_three_mails_an_hour_at_most(mailing: Mailing) -> None:
    mailing.portal.user("a@b.c")
    for _ in range(6):
        assert mailing.portal.somebody().post("/forgot", {"email": "a@b.c"}).status_code == 200
    mailing.portal.surroundings.background.join()
    assert len(mailing.box.received) == 3


def test_an_account_is_made_only_behind_the_link(mailing: Mailing) -> None:
    person = mailing.portal.somebody()
    person.post("/signup", {"email": "new@b.c"})
    link = mailing.link()
    with mailing.portal.database.reading() as session:
        assert session.scalar(select(User)) is None
    assert person.post(link, {"password": NEW}).headers["Location"] == "/teams"
    with mailing.portal.database.reading() as session:
        user = session.scalars(select(User)).one()
        assert user.confirmed_at is not None
        assert not user.is_admin
        assert user.memberships == []
    assert mailing.portal.somebody().get(link).status_code == 404


def test_sign_up_is_closed_unless_the_operator_opened_it(portal: Portal) -> None:
    assert portal.somebody().get("/signup").status_code == 404
    assert "Make an account" not in portal.somebody().get("/login").text


def test_an_address_changes_when_its_link_is_clicked(mailing: Mailing) -> None:
    person = mailing.portal.user("a@b.c", Role.OWNER)
    typed = {"email": "new@b.c"}
    assert person.post("/account/address", typed, form_at="/account").status_code == 302
    link = mailing.link()
    assert person.get(link).status_code == 200
    assert "a@b.c" in person.get("/account").text
    assert person.post(link, {}).status_code == 302
    page = person.get("/account").text
    mailing.portal.surroundings.background.join()
    assert mailing.box.received[-1][0] == "a@b.c"
    assert "has another one" in mailing.box.received[-1][1]
    assert "new@b.c" in page
    assert "not confirmed" not in page


def test_a_new_password_voids_a_thiefs_change_of_address(mailing: Mailing) -> None:
    thief = mailing.portal.user("a@b.c", Role.OWNER)
    typed = {"email": "thief@b.c"}
    thief.post("/account/address", typed, form_at="/account")
    stolen = mailing.link()
    owner = mailing.portal.somebody()
    owner.post("/forgot", {"email": "a@b.c"})
    assert owner.post(mailing.link(), {"password": NEW}).status_code == 302
    assert thief.get(stolen).headers["Location"].startswith("/login")
    assert owner.get(stolen).status_code == 404


def test_an_address_of_somebody_else_is_not_taken_nor_told(mailing: Mailing) -> None:
    mailing.portal.user("b@b.c")
    person = mailing.portal.user("a@b.c", Role.OWNER)
    typed = {"email": "b@b.c"}
    assert person.post("/account/address", typed, form_at="/account").status_code == 302
    assert "/confirm/" not in mailing.link()


def test_an_invitation_goes_by_mail_and_is_not_shown_to_the_inviter(mailing: Mailing) -> None:
    owner = mailing.portal.user("a@b.c", Role.OWNER)
    typed = {"email": "new@b.c", "role": "viewer", "place": ""}
    answer = owner.post("/teams/1/invitations", typed, form_at="/teams/1")
    assert answer.status_code == 302
    link = mailing.link()
    assert link.startswith("/invitations/")
    assert link not in owner.get("/teams/1").text
    assert mailing.portal.somebody().post(link, {"password": NEW}).status_code == 302
    with mailing.portal.database.reading() as session:
        user = session.scalars(select(User).where(User.email == "new@b.c")).one()
        assert user.confirmed_at is not None


def test_links_are_kept_as_hashes_and_say_the_operators_host(mailing: Mailing) -> None:
    mailing.portal.user("a@b.c")
    person = mailing.portal.somebody()
    token = re.search(r'csrf_token"\s+value="([^"]+)"', person.get("/forgot").text)
    assert token
    person.client.post(
        "/forgot",
        data={"email": "a@b.c", "csrf_token": token.group(1)},
        headers={"X-Forwarded-Host": "evil.example"},
    )
    link = mailing.link()
    assert "evil.example" not in mailing.box.received[-1][1]
    with mailing.portal.database.reading() as session:
        kept = session.scalars(select(OneTimeLink)).one()
        assert kept.token_hash not in link
        assert link.rpartition("/")[2] not in repr(vars(kept))


def test_a_mail_server_that_is_away_neither_fails_nor_slows_the_page(
    make_portal: Callable[..., Portal], caplog: pytest.LogCaptureFixture
) -> None:
    send = smtp_sender("smtp://127.0.0.1:1", "s@portal.example", (0.3,))
    portal = make_portal(send_mail=send)
    portal.user("a@b.c")
    person = portal.somebody()
    person.get("/forgot")
    began = monotonic()
    assert person.post("/forgot", {"email": "a@b.c"}).status_code == 200
    took_s = monotonic() - began
    portal.surroundings.background.join()
    assert monotonic() - began > 0.3 or took_s < 0.3
    assert "mail could not be sent" in caplog.text
    assert "a@b.c" not in caplog.text
    assert "/reset/" not in caplog.text


def test_without_mail_the_operator_makes_the_link(portal: Portal) -> None:
    portal.user("a@b.c")
    assert "statflow user reset" in portal.somebody().get("/forgot").text
    with portal.database.writing() as session:
        link = reset_path(session, "A@b.c", portal.clock[0])
        with pytest.raises(CommandError):
            reset_path(session, "x@y.z")
    assert portal.somebody().post(link, {"password": NEW}).status_code == 302


def test_a_mail_address_cannot_add_headers() -> None:
    send = smtp_sender("smtp://127.0.0.1:1", "s@portal.example", ())
    with pytest.raises(ValueError, match="Header"):
        send(Mail("a@b.c", "x\r\nBcc: y@z.example", "text"))


@pytest.mark.parametrize("url", ["http://a", "smtp://", "a.example:25"])
def test_a_mail_server_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="smtp"):
        smtp_sender(url, "s@portal.example")


def test_nobody_hands_their_address_to_a_strangers_account(mailing: Mailing) -> None:
    """Else who asked for it could sign in as them wherever the address is believed afterwards."""
    thief = mailing.portal.user("thief@b.c")
    thief.post("/account/address", {"email": "victim@b.c"}, form_at="/account")
    link = mailing.link()
    victim = mailing.portal.somebody()
    assert victim.get(link).headers["Location"].startswith("/login?next=/confirm")
    other = mailing.portal.user("other@b.c")
    assert other.get(link).status_code == 404
    assert other.post(link, {}, form_at="/account").status_code == 404
    with mailing.portal.database.reading() as session:
        assert "victim@b.c" not in session.scalars(select(User.email)).all()
    assert thief.post(link, {}).status_code == 302


def test_no_other_mail_keeps_an_owner_from_a_new_password(mailing: Mailing) -> None:
    """What somebody else has sent to an address is counted apart from its owner's way back."""
    mailing.portal.user("a@b.c")
    enemy = mailing.portal.user("enemy@b.c", Role.OWNER)
    for _ in range(5):
        enemy.post("/account/address", {"email": "a@b.c"}, form_at="/account")
        enemy.post("/signup", {"email": "a@b.c"})
        typed = {"email": "a@b.c", "role": "viewer", "place": ""}
        enemy.post("/teams/1/invitations", typed, form_at="/teams/1")
    mailing.portal.somebody().post("/forgot", {"email": "a@b.c"})
    assert mailing.link().startswith("/reset/")


def test_invitations_bury_nobody_in_mail(mailing: Mailing) -> None:
    owner = mailing.portal.user("a@b.c", Role.OWNER)
    typed = {"email": "victim@b.c", "role": "viewer", "place": ""}
    came = [owner.post("/teams/1/invitations", typed, form_at="/teams/1") for _ in range(5)]
    assert [answer.status_code for answer in came] == [302, 302, 302, 429, 429]
    assert "Too many invitations" in came[-1].text
    mailing.portal.surroundings.background.join()
    assert len(mailing.box.received) == 3
    others = [
        owner.post(
            "/teams/1/invitations", {**typed, "email": f"v{n}@b.c"}, form_at="/teams/1"
        ).status_code
        for n in range(60)
    ]
    assert others.count(302) == 50 - 5
