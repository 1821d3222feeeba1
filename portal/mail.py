"""Mail: what a message is, and sending it by SMTP.

Who gets which message is ``portal.accounts.messages``' business. The one invariant: neither
addresses nor texts are logged, because texts hold links that open accounts.
"""

import logging
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from time import sleep
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 20
PAUSES_S = (2.0, 10.0)
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """One message in plain text."""

    to: str
    subject: str
    text: str = field(repr=False)


type SendMail = Callable[[Mail], None]


def smtp_sender(url: str, sender: str, pauses_s: tuple[float, ...] = PAUSES_S) -> SendMail:
    """Build what sends mail over a server; it tries again, then gives up and logs that.

    Raises:
        ValueError: The URL is none of smtp://, smtp+starttls:// and smtps://.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("expected smtp://, smtp+starttls:// or smtps:// with a host")

    def send(mail: Mail) -> None:
        for pause_s in (*pauses_s, None):
            try:
                _send(url, _message(mail, sender))
            except (OSError, smtplib.SMTPException) as error:
                log.warning("mail could not be sent: %s", type(error).__name__)
                if pause_s is None:
                    return
                sleep(pause_s)
            else:
                return

    return send


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "statflow")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _send(url: str, message: EmailMessage) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    with server:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
