"""The page on reports and alerts, its rights, and the link that ends mail."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.mail import Mail, MailError
from portal.messages.message import Topic
from portal.messages.unsubscribe import Unsubscriber
from portal.models import AlertRule, AuditEntry, Delivery, Recipient, Role, SiteGoal
from tests.portal.conftest import NOW, Portal
from tests.portal.messages.conftest import BASE, SECRET, ways
from tests.support.receiver import Receiver

PAGE = "/sites/own.example/reports"
EMAIL = {"kind": "email", "address": "ann@b.example", "gets": ["weekly", "alerts"]}


class Post(list[Mail]):
    """Takes mail; raises what it is told to."""

    fails: MailError | None = None

    def __call__(self, mail: Mail) -> None:
        if self.fails is not None:
            raise self.fails
        self.append(mail)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def sending(make_portal: Callable[..., Portal], post: Post) -> Portal:
    portal = make_portal(ways=ways(mail=post))
    portal.site("own.example")
    return portal


def rows(portal: Portal, model: Any) -> list[Any]:
    with portal.database.reading() as session:
        found = list(session.scalars(select(model).order_by(model.id)))
        session.expunge_all()
        return found


def test_a_recipient_is_added_changed_tried_and_removed(sending: Portal, post: Post) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    assert "Nobody yet" in person.get(PAGE).text
    assert person.post(f"{PAGE}/recipients", EMAIL, form_at=PAGE).status_code == 302
    (row,) = rows(sending, Recipient)
    assert (row.address, row.gets) == ("ann@b.example", ["weekly", "alerts"])
    at = f"{PAGE}/recipients/{row.id}"
    assert person.post(at, {"gets": ["monthly"]}).status_code == 302
    assert rows(sending, Recipient)[0].gets == ["monthly"]
    answer = person.post(f"{at}/test", {}, form_at=PAGE)
    assert answer.status_code == 302
    assert [mail.to for mail in post] == ["ann@b.example"]
    page = person.get(PAGE).text
    assert "The test to ann@b.example is sent." in page
    assert 'data-state="sent"' in page
    assert person.post(f"{at}/remove", {}, form_at=at).status_code == 302
    assert rows(sending, Recipient) == []
    assert "ann@b.example" in person.get(PAGE).text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"address": ""}, "address"),
        ({"address": "ann"}, "address"),
        ({"address": "ann@b.example\r\nBcc: all@b.example"}, "address"),
        ({"kind": "slack", "address": "hooks.slack.com/services"}, "address"),
        ({"kind": "webhook", "address": "http://169.254.169.254/latest"}, "address"),
        ({"kind": "telegram", "address": "-1", "key": "no token"}, "key"),
        ({"kind": "telegram", "address": "my chat", "key": "1"}, "address"),
        ({"kind": "pigeon"}, ""),
        ({"gets": ["daily"]}, ""),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    sending: Portal, typed: dict[str, Any], field: str
) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    answer = person.post(f"{PAGE}/recipients", EMAIL | typed, form_at=PAGE)
    assert answer.status_code == 422
    assert not field or f'id="{field}-error-1"' in answer.text
    assert rows(sending, Recipient) == []


def test_nobody_is_a_recipient_twice(sending: Portal) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    for status, address in ((302, "ann@b.example"), (422, " Ann@B.example ")):
        typed = EMAIL | {"address": address}
        assert person.post(f"{PAGE}/recipients", typed, form_at=PAGE).status_code == status
    assert len(rows(sending, Recipient)) == 1


def test_a_webhooks_key_is_shown_and_secrets_stay_out_of_the_record(
    sending: Portal, receiver: Receiver
) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    typed = {"kind": "webhook", "address": receiver.url("/hush-hush"), "gets": ["alerts"]}
    answer = person.post(f"{PAGE}/recipients", typed, form_at=PAGE)
    (row,) = rows(sending, Recipient)
    shown = person.get(answer.headers["Location"]).text
    assert re.search(r"<code data-signing-key>(whsec_[^<]+)</code>", shown)
    assert "hush-hush" not in person.get(PAGE).text
    person.post(f"{PAGE}/recipients/{row.id}/test", {}, form_at=PAGE)
    assert receiver.received[0].headers["webhook-id"].startswith("msg_")
    record = str([[entry.before, entry.after] for entry in rows(sending, AuditEntry)])
    assert "127.0.0.1" in record
    assert "hush-hush" not in record
    assert "whsec_" not in record


def test_a_test_that_fails_says_why(sending: Portal, post: Post) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    person.post(f"{PAGE}/recipients", EMAIL, form_at=PAGE)
    post.fails = MailError("the mail server said 550", again=False)
    person.post(f"{PAGE}/recipients/1/test", {}, form_at=PAGE)
    page = person.get(PAGE).text
    assert "did not go through" in page
    assert "the mail server said 550" in page
    assert 'data-state="failed"' in page


def test_tests_are_limited(sending: Portal, post: Post) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    person.post(f"{PAGE}/recipients", EMAIL, form_at=PAGE)
    for _ in range(7):
        person.post(f"{PAGE}/recipients/1/test", {}, form_at=PAGE)
    assert len(post) == 5
    assert "Too many tests" in person.get(PAGE).text


def test_without_a_mail_server_only_mail_is_refused(
    make_portal: Callable[..., Portal], receiver: Receiver
) -> None:
    portal = make_portal(ways=ways())
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    assert "STATFLOW_SMTP_URL" in person.get(PAGE).text
    assert person.post(f"{PAGE}/recipients", EMAIL, form_at=PAGE).status_code == 422
    typed = {"kind": "slack", "address": receiver.url()}
    assert person.post(f"{PAGE}/recipients", typed, form_at=PAGE).status_code == 302


def test_an_alert_is_added_with_its_usual_threshold_and_removed(sending: Portal) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    at = f"{PAGE}/alerts"
    assert person.post(at, {"what": "broken", "quiet_h": "12"}, form_at=PAGE).status_code == 302
    typed = {"what": "capture", "quiet_h": "1", "threshold": "62.5"}
    assert person.post(at, typed, form_at=PAGE).status_code == 302
    found = [(row.kind, row.threshold, row.quiet_h) for row in rows(sending, AlertRule)]
    assert found == [("broken", 25, 12), ("capture", 62.5, 1)]
    page = person.get(PAGE).text
    assert "below 62.5 percent of page views" in " ".join(page.split())
    assert person.post(f"{at}/1/remove", {}, form_at=PAGE).status_code == 302
    assert [row.kind for row in rows(sending, AlertRule)] == ["capture"]


@pytest.mark.parametrize(
    "typed",
    [
        {"what": "weather"},
        {"what": "broken", "threshold": "-1"},
        {"what": "broken", "threshold": "many"},
        {"what": "broken", "threshold": "nan"},
        {"what": "broken", "quiet_h": "0"},
        {"what": "goal", "goal": "Nothing"},
    ],
)
def test_an_alert_that_cannot_be_is_refused(sending: Portal, typed: dict[str, str]) -> None:
    person = sending.user("a@b.c", Role.EDITOR)
    answer = person.post(f"{PAGE}/alerts", {"quiet_h": "12", **typed}, form_at=PAGE)
    assert answer.status_code == 422
    assert rows(sending, AlertRule) == []


def test_a_goal_is_chosen_among_the_sites(sending: Portal) -> None:
    with sending.database.writing() as session:
        session.add(SiteGoal(site_id=1, name="Order", kind="event", target="Order", created_at=NOW))
    person = sending.user("a@b.c", Role.EDITOR)
    typed = {"what": "goal", "goal": "Order", "quiet_h": "24"}
    assert person.post(f"{PAGE}/alerts", typed, form_at=PAGE).status_code == 302
    assert "A goal is reached: Order" in " ".join(person.get(PAGE).text.split())


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (None, 404)])
def test_who_may_not_change_the_site_sees_and_does_nothing(
    sending: Portal, role: Role | None, status: int
) -> None:
    owner = sending.user("o@b.c", Role.OWNER)
    owner.post(f"{PAGE}/recipients", EMAIL, form_at=PAGE)
    owner.post(f"{PAGE}/alerts", {"what": "broken", "quiet_h": "1"}, form_at=PAGE)
    person = sending.user("a@b.c", role)
    assert person.get(PAGE).status_code == status
    assert person.get(f"{PAGE}/recipients/1").status_code == status
    for path in (
        "/recipients",
        "/recipients/1",
        "/recipients/1/test",
        "/recipients/1/remove",
        "/alerts",
        "/alerts/1/remove",
    ):
        answer = person.post(PAGE + path, EMAIL, form_at="/account")
        assert answer.status_code == status, path
    assert len(rows(sending, Recipient)) == len(rows(sending, AlertRule)) == 1
    assert rows(sending, Delivery) == []


def test_a_row_of_another_site_is_not_there(sending: Portal) -> None:
    sending.site("foreign.example", team="Others")
    owner = sending.user("o@b.c", Role.OWNER, "Others")
    theirs = "/sites/foreign.example/reports"
    owner.post(f"{theirs}/recipients", EMAIL, form_at=theirs)
    owner.post(f"{theirs}/alerts", {"what": "broken", "quiet_h": "1"}, form_at=theirs)
    person = sending.user("a@b.c", Role.OWNER)
    for path in ("recipients/1", "recipients/1/test", "recipients/1/remove", "alerts/1/remove"):
        assert person.post(f"{PAGE}/{path}", {"gets": []}, form_at=PAGE).status_code == 404
    assert len(rows(sending, Recipient)) == len(rows(sending, AlertRule)) == 1


def link_for(portal: Portal, topic: Topic) -> str:
    with portal.database.reading() as session:
        row = session.scalars(select(Recipient)).one()
        return Unsubscriber(SECRET, BASE).link(row, topic).removeprefix(BASE)


@pytest.fixture
def subscribed(sending: Portal) -> Portal:
    person = sending.user("a@b.c", Role.EDITOR)
    person.post(f"{PAGE}/recipients", EMAIL, form_at=PAGE)
    return sending


def test_one_click_ends_one_topic_and_the_last_ends_all(subscribed: Portal) -> None:
    mail_program = subscribed.somebody().client
    one_click = {"List-Unsubscribe": "One-Click"}
    link = link_for(subscribed, Topic.WEEKLY)
    assert mail_program.post(link, data=one_click).status_code == 200
    assert rows(subscribed, Recipient)[0].gets == ["alerts"]
    assert mail_program.post(link, data=one_click).status_code == 200
    last = link_for(subscribed, Topic.ALERTS)
    assert mail_program.post(last, data=one_click).status_code == 200
    assert rows(subscribed, Recipient) == []
    assert mail_program.post(last, data=one_click).status_code == 200


def test_opening_the_link_asks_first_and_changes_nothing(subscribed: Portal) -> None:
    scanner = subscribed.somebody()
    answer = scanner.get(link_for(subscribed, Topic.WEEKLY))
    assert answer.status_code == 200
    assert "weekly report of" in " ".join(answer.text.replace("<strong>", "").split())
    assert rows(subscribed, Recipient)[0].gets == ["weekly", "alerts"]


def test_the_link_of_a_test_ends_everything(subscribed: Portal) -> None:
    subscribed.somebody().client.post(link_for(subscribed, Topic.TEST))
    assert rows(subscribed, Recipient) == []


@pytest.mark.parametrize("change", ["x", "."])
def test_a_changed_link_ends_nothing(subscribed: Portal, change: str) -> None:
    link = link_for(subscribed, Topic.WEEKLY) + change
    somebody = subscribed.somebody()
    assert somebody.get(link).status_code == 404
    somebody.client.post(link)
    assert rows(subscribed, Recipient)[0].gets == ["weekly", "alerts"]


def test_a_link_is_of_one_address_even_where_its_row_was_given_to_another(
    subscribed: Portal,
) -> None:
    link = link_for(subscribed, Topic.WEEKLY)
    with subscribed.database.writing() as session:
        session.scalars(select(Recipient)).one().target_hash = "other"
    subscribed.somebody().client.post(link)
    assert rows(subscribed, Recipient)[0].gets == ["weekly", "alerts"]
