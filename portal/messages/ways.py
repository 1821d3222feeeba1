"""The ways out: hand one message to one recipient by mail, chat or webhook, and tell the outcome.

Which row is sent when is ``outbox``; how each way writes a message is ``letter``, ``chats`` and
``webhook``. Nothing here raises for what the other side does: it is an ``Outcome``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson

from portal.database import Database
from portal.language import N_, speaking
from portal.mail import MailError, SendMail
from portal.messages.chats import discord, slack, telegram
from portal.messages.letter import render_letter
from portal.messages.message import Message, from_json
from portal.messages.outbox import Outcome, State, claim, end_claim
from portal.messages.post import Poster
from portal.messages.recipients import Kind
from portal.messages.unsubscribe import Unsubscriber
from portal.messages.webhook import render_webhook
from portal.models import Delivery, Recipient

TELEGRAM = "https://api.telegram.org"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Ways:
    """What sending needs; ``base`` is the portal's address, ``mail`` None where no server is set.

    ``mail`` raises ``MailError``.
    """

    base: str
    poster: Poster
    unsubscriber: Unsubscriber
    mail: SendMail | None = None
    telegram: str = TELEGRAM

    def send(self, recipient: Recipient, message: Message, *, row: str, now: datetime) -> Outcome:
        """Send once; ``row`` names the message to this recipient, the same at every try."""
        link = self.base.rstrip("/") + message.path
        kind = Kind(recipient.kind)
        if kind is Kind.EMAIL:
            return self._mail(recipient, message, link)
        if kind is Kind.WEBHOOK:
            body, headers = render_webhook(
                message,
                recipient.secret_key,
                message_id=row,
                at_s=int(now.timestamp()),
                link=link,
            )
            return self.poster.post(recipient.secret_url, body, headers, repeatable=True)
        if kind is Kind.TELEGRAM:
            url = f"{self.telegram}/bot{recipient.secret_key}/sendMessage"
            told = telegram(message, link, recipient.address)
            return self.poster.post(url, orjson.dumps(told), _JSON)
        write = slack if kind is Kind.SLACK else discord
        return self.poster.post(recipient.secret_url, orjson.dumps(write(message, link)), _JSON)

    def _mail(self, recipient: Recipient, message: Message, link: str) -> Outcome:
        if self.mail is None:
            return Outcome(State.WAITING, N_("No mail server is set (STATFLOW_SMTP_URL)."))
        unsubscribe = self.unsubscriber.link(recipient, message.topic)
        letter = render_letter(message, recipient.address, link=link, unsubscribe=unsubscribe)
        try:
            self.mail(letter)
        except MailError as error:
            states = {True: State.WAITING, False: State.FAILED, None: State.UNKNOWN}
            return Outcome(states[error.again], f"Not sent: {error}.")
        return Outcome(State.SENT, N_("The mail server took it."))


def deliver(
    database: Database, ways: Ways, delivery_id: int, now: Callable[[], datetime]
) -> State | None:
    """Claim one row, send it, write down what became of it; None if it was not there to be sent."""
    if not claim(database, delivery_id, now()):
        return None
    with database.reading() as session:
        row = session.get_one(Delivery, delivery_id)
        recipient = session.get(Recipient, row.recipient_id) if row.recipient_id else None
        message, name = from_json(row.content), f"msg_{row.site_id}_{row.id}"
        session.expunge_all()
    if recipient is None:
        outcome = Outcome(State.FAILED, N_("The recipient was removed."))
    else:
        with speaking(message.language):
            outcome = ways.send(recipient, message, row=name, now=now())
    return end_claim(database, delivery_id, outcome, now())
