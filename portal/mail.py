"""Mail: what a message is, and sending it by SMTP.

Who gets which message is the business of ``portal.accounts.messages`` and ``portal.messages``. The
one invariant: neither addresses nor texts are logged, because texts hold links that open accounts.
"""

import logging
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage, MIMEPart
from email.utils import formatdate, make_msgid
from time import sleep
from typing import cast
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 20
PAUSES_S = (2.0, 10.0)
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_PERMANENT = 500
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """One message in plain text, and perhaps as HTML that shows ``images`` (id → PNG) as cid:ID."""

    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    images: dict[str, bytes] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


type SendMail = Callable[[Mail], None]


class MailError(Exception):
    """A message was not taken; the words hold no address.

    ``again`` says whether to try later; None: whether it was taken is not known.
    """

    def __init__(self, words: str, *, again: bool | None) -> None:
        super().__init__(words)
        self.again = again


def smtp_sender(url: str, sender: str, pauses_s: tuple[float, ...] = PAUSES_S) -> SendMail:
    """Build what sends mail over a server; it tries again, then gives up and logs that.

    Raises:
        ValueError: The URL is none of smtp://, smtp+starttls:// and smtps://.
    """
    post = smtp_poster(url, sender)

    def send(mail: Mail) -> None:
        for pause_s in (*pauses_s, None):
            try:
                post(mail)
            except MailError as error:
                log.warning("mail could not be sent: %s", error)
                if pause_s is None:
                    return
                sleep(pause_s)
            else:
                return

    return send


def smtp_poster(url: str, sender: str) -> SendMail:
    """Build what hands a message to a server once, and raises ``MailError`` where that fails.

    Raises:
        ValueError: The URL is none of smtp://, smtp+starttls:// and smtps://.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("expected smtp://, smtp+starttls:// or smtps:// with a host")

    def post(mail: Mail) -> None:
        message = _message(mail, sender)
        try:
            server = _connect(url)
        except smtplib.SMTPAuthenticationError as error:
            words = f"the mail server refused name or password ({error.smtp_code})"
            raise MailError(words, again=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailError(f"no mail server ({type(error).__name__})", again=True) from error
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _refused(code) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailError(f"the line broke ({type(error).__name__})", again=None) from error
        finally:
            _leave(server)

    return post


def check_server(url: str) -> None:
    """Connect, sign in where the URL says so, and leave.

    Raises:
        OSError: It does not connect.
        SMTPException: It does not let us in.
    """
    _leave(_connect(url))


def _refused(code: int) -> MailError:
    return MailError(f"the mail server said {code}", again=code < _PERMANENT)


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; whether the other side still listens is no news."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "statflow")
    message["Auto-Submitted"] = "auto-generated"
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
        page = cast("MIMEPart", message.get_payload(1))
        for name, png in mail.images.items():
            page.add_related(png, "image", "png", cid=f"<{name}>", filename=f"{name}.png")
    return message


def _connect(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    try:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except Exception:
        server.close()
        raise
    return server
