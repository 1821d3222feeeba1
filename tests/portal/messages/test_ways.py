"""Each way out, against a real mail server and a real receiver."""

import base64
import email
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from PIL import Image
from sqlalchemy import select

from portal.database import Database
from portal.mail import Mail, MailError, smtp_poster
from portal.messages.chart import HEIGHT, WIDTH, draw_chart, round_up
from portal.messages.message import Point
from portal.messages.outbox import LONGEST_SENDING, State, put, tidy
from portal.messages.recipients import Kind
from portal.messages.ways import deliver
from portal.models import Delivery, Recipient
from tests.portal.conftest import NOW
from tests.portal.messages.conftest import a_message, ways
from tests.support.receiver import Receiver

BOT = "12345678:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"


@dataclass
class Mailbox:
    """A mail server's handler that keeps what it takes, or answers what it is told to."""

    answer: str = "250 OK"
    refused: str = ""
    received: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        del server, session, options
        if self.refused:
            return self.refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        del server, session
        read = email.message_from_bytes(envelope.content, policy=default)
        self.received.append(cast("EmailMessage", read))
        return self.answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


def send(
    database: Database, to: Recipient, sender: Any, **changes: Any
) -> tuple[State | None, Delivery]:
    with database.writing() as session:
        message = a_message(**changes)
        (number,) = put(session, f"k{time.monotonic_ns()}", message, [to], NOW)
    state = deliver(database, sender, number, lambda: NOW)
    with database.reading() as session:
        row = session.get_one(Delivery, number)
        session.expunge(row)
    return state, row


def test_mail_has_text_html_a_chart_and_a_way_out(
    database: Database, recipient: Callable[..., Recipient], mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    to = recipient(Kind.EMAIL, "Ann@b.example")
    sender = ways(mail=smtp_poster(url, "statflow@portal.example"))
    assert send(database, to, sender)[0] is State.SENT
    (mail,) = box.received
    assert (mail["To"], mail["Subject"]) == (
        "ann@b.example",
        "Week of own.example: 2 to 8 Nov 2026",
    )
    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://portal.example/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    for part in (text.get_content(), html.get_content()):
        assert "1,234" in part
        assert "Top pages" in part
        assert "https://portal.example/sites/own.example?period=day" in part
        assert link in part
    assert "/&lt;b&gt;*a*&lt;/b&gt;" in html.get_content()
    assert "<b>*a*</b>" not in html.get_content()
    assert "<script" not in html.get_content()
    assert 'src="cid:chart"' in html.get_content()
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert pictures[0]["Content-ID"] == "<chart>"
    with Image.open(BytesIO(cast("bytes", pictures[0].get_content()))) as picture:
        assert picture.size == (2 * WIDTH, 2 * HEIGHT)


@pytest.mark.parametrize(
    ("refused", "answer", "state"),
    [
        ("550 no such mailbox", "", State.FAILED),
        ("451 later", "", State.WAITING),
        ("", "554 spam", State.FAILED),
        ("", "452 full", State.WAITING),
    ],
)
def test_a_mail_servers_no_is_final_or_not(
    database: Database,
    recipient: Callable[..., Recipient],
    mailbox: tuple[Mailbox, str],
    refused: str,
    answer: str,
    state: State,
) -> None:
    box, url = mailbox
    box.refused, box.answer = refused, answer
    to = recipient(Kind.EMAIL, "a@b.example")
    assert send(database, to, ways(mail=smtp_poster(url, "s@p.example")))[0] is state


def test_without_a_mail_server_mail_waits(
    database: Database, recipient: Callable[..., Recipient]
) -> None:
    state, row = send(database, recipient(Kind.EMAIL, "a@b.example"), ways())
    assert state is State.WAITING
    assert "STATFLOW_SMTP_URL" in row.said


def test_a_line_that_breaks_within_a_message_is_not_tried_again() -> None:
    """The server takes the message and dies before it says so: nobody knows."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            "import socket,sys\n"
            f"s=socket.fromfd({server.fileno()},socket.AF_INET,socket.SOCK_STREAM)\n"
            "c,_=s.accept();f=c.makefile('rwb')\n"
            "def say(t): f.write(t+b'\\r\\n');f.flush()\n"
            "say(b'220 hi')\n"
            "while True:\n"
            " line=f.readline().upper()\n"
            " if line.startswith(b'DATA'):\n"
            "  say(b'354 go')\n"
            "  while f.readline().strip()!=b'.': pass\n"
            "  sys.exit()\n"
            " say(b'250 ok')\n"
        )
        with subprocess.Popen([sys.executable, "-c", script], pass_fds=[server.fileno()]):
            post = smtp_poster(f"smtp://127.0.0.1:{port}", "s@p.example")
            with pytest.raises(MailError) as caught:
                post(Mail("a@b.example", "Subject", "text"))
    assert caught.value.again is None


def test_a_webhook_is_json_and_signed_as_the_specification_says(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    to = recipient(Kind.WEBHOOK, receiver.url())
    assert to.secret_key.startswith("whsec_")
    assert send(database, to, ways())[0] is State.SENT
    (got,) = receiver.received
    told = json.loads(got.body)
    assert told["type"] == "weekly"
    assert told["data"] == {"metrics": {"visitors": 1234}}
    assert told["url"] == "https://portal.example/sites/own.example?period=day"
    assert got.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(to.secret_key.removeprefix("whsec_"))
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{mac}"


def test_a_webhook_has_the_same_id_at_every_try(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    receiver.statuses = [503, 200]
    state, row = send(database, recipient(Kind.WEBHOOK, receiver.url()), ways())
    assert state is State.WAITING
    later = row.due_at
    assert deliver(database, ways(), row.id, lambda: later) is State.SENT
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_slack_gets_blocks_in_which_nothing_is_a_mention(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    to = recipient(Kind.SLACK, receiver.url("/services/T/B/x"))
    assert send(database, to, ways(), text="<!channel> & *all*")[0] is State.SENT
    told = json.loads(receiver.received[0].body)
    text = json.dumps(told["blocks"])
    assert "&lt;!channel&gt; &amp;" in text
    assert "<!channel>" not in text
    assert "*all*" not in text
    assert "1,234 (+12%)" in text
    assert "<https://portal.example/sites/own.example?period=day|Open own.example>" in text


def test_discord_gets_an_embed_that_mentions_nobody(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    to, title = recipient(Kind.DISCORD, receiver.url()), "Goal: [sale](https://evil.example)"
    assert send(database, to, ways(), title=title)[0] is State.SENT
    told = json.loads(receiver.received[0].body)
    assert told["allowed_mentions"] == {"parse": []}
    (embed,) = told["embeds"]
    assert "[sale](" not in embed["title"]
    assert embed["fields"][0]["value"] == r"1,234 \(+12%\)"
    assert r"/\@everyone" in embed["fields"][1]["value"]


def test_telegram_gets_its_html(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    to = recipient(Kind.TELEGRAM, "-100123", key=BOT)
    sender = ways(telegram=receiver.url(""))
    assert send(database, to, sender)[0] is State.SENT
    (got,) = receiver.received
    assert got.path == f"/bot{BOT}/sendMessage"
    told = json.loads(got.body)
    assert (told["chat_id"], told["parse_mode"]) == ("-100123", "HTML")
    assert "Visitors: <b>1,234 (+12%)</b>" in told["text"]
    assert "/&lt;b&gt;*a*&lt;/b&gt;" in told["text"]


def test_a_long_message_stays_within_telegrams_limit(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    to = recipient(Kind.TELEGRAM, "-100123", key=BOT)
    send(database, to, ways(telegram=receiver.url("")), text="<" * 3000, title="t" * 200)
    told = json.loads(receiver.received[0].body)
    assert len(told["text"]) <= 4096
    assert told["text"].endswith("</a>")


def test_a_recipient_that_was_removed_gets_nothing(
    database: Database, recipient: Callable[..., Recipient], receiver: Receiver
) -> None:
    to = recipient(Kind.WEBHOOK, receiver.url())
    with database.writing() as session:
        (number,) = put(session, "k", a_message(), [to], NOW)
        session.delete(session.get_one(Recipient, to.id))
    assert deliver(database, ways(), number, lambda: NOW) is State.FAILED
    assert receiver.received == []


_SENDER = """
import sys
from datetime import datetime
from portal.database import Database
from portal.messages.ways import deliver
from tests.portal.messages.conftest import ways
now = datetime.fromisoformat(sys.argv[3])
deliver(Database(sys.argv[1]), ways(), int(sys.argv[2]), lambda: now)
"""


def test_killed_between_claim_and_confirmation_nothing_is_sent_twice(
    database: Database,
    database_url: str,
    recipient: Callable[..., Recipient],
    receiver: Receiver,
) -> None:
    """The process dies by kill -9 while the other side has the message and has not answered."""
    receiver.wait_s = 30
    to = recipient(Kind.WEBHOOK, receiver.url())
    with database.writing() as session:
        (number,) = put(session, "weekly-1", a_message(), [to], NOW)
    command = [sys.executable, "-c", _SENDER, database_url, str(number), NOW.isoformat()]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 30
        while not receiver.received:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    receiver.wait_s = 0
    later = NOW + LONGEST_SENDING
    assert deliver(database, ways(), number, lambda: NOW) is None
    tidy(database, later)
    assert deliver(database, ways(), number, lambda: later) is None
    with database.reading() as session:
        row = session.scalars(select(Delivery)).one()
        assert (row.state, row.attempts) == (State.UNKNOWN, 1)
    assert len(receiver.received) == 1


def test_a_chart_of_any_numbers_can_be_drawn() -> None:
    for values in ([], [0], [0, 0, 0], [1], [7, 3], [5.5], list(range(31)), [10**9] * 400):
        with Image.open(BytesIO(draw_chart([Point("x", v) for v in values]))) as picture:
            assert picture.size == (2 * WIDTH, 2 * HEIGHT)


def test_taller_bars_are_drawn_taller() -> None:
    with Image.open(BytesIO(draw_chart([Point("a", 10), Point("b", 5)]))) as picture:
        blue = (0x43, 0x61, 0xC2)
        found = picture.convert("RGB")
        columns = [
            sum(found.getpixel((x, y)) == blue for y in range(found.height))
            for x in (found.width // 4 + 40, found.width * 3 // 4)
        ]
    assert columns[0] == pytest.approx(2 * columns[1], abs=3)


@pytest.mark.parametrize(
    ("value", "end"), [(0, 2), (1, 2), (3, 4), (10, 10), (11, 20), (21, 30), (999, 1000)]
)
def test_an_axis_ends_at_an_even_number(value: float, end: int) -> None:
    assert round_up(value) == end
