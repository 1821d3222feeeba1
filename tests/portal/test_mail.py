"""Mail over TLS, at once and after STARTTLS, to a real server that asks for a password."""

import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from portal.mail import Mail, smtp_sender
from tests.support.certificates import Authority
from tests.support.stack import free_port

MAIL = Mail("ada@example.org", "Grüße", "A link: https://p.example/x")


class Mailbox:
    """Keeps what arrived, and whether it came over TLS by somebody who signed in."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bool, bool]] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append((envelope.rcpt_tos[0], session.ssl is not None, session.authenticated))
        return "250 OK"


def check(_server: Any, _session: Any, _envelope: Any, _kind: str, given: Any) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and given.password == b"p@ss/word"
    return AuthResult(success=is_right)


def greet(port: int) -> None:
    """Let the server greet us, whoever it is."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        anybody.wrap_socket(raw) as line,
    ):
        line.recv(16)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    found = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found.path))
    return found


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[..., tuple[Mailbox, int]]]:
    running: list[Controller] = []

    def make(scheme: str, name: str = "localhost") -> tuple[Mailbox, int]:
        context, box, port = authority.server_context(name), Mailbox(), free_port()
        options: dict[str, Any] = (
            {"ssl_context": context, "auth_require_tls": False}
            if scheme == "smtps"
            else {"tls_context": context, "require_starttls": True}
        )
        controller = Controller(
            box, hostname="127.0.0.1", port=port, authenticator=check, auth_required=True, **options
        )
        if scheme == "smtps":
            # Its own look at itself wants a certificate for an address.
            controller._trigger_server = partial(greet, port)  # type: ignore[method-assign]
        controller.start()
        running.append(controller)
        return box, port

    yield make
    for controller in running:
        controller.stop()


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_mail_goes_over_tls_with_a_password(
    serve: Callable[..., tuple[Mailbox, int]], scheme: str
) -> None:
    box, port = serve(scheme)
    send = smtp_sender(f"{scheme}://ada:p%40ss%2Fword@localhost:{port}", "s@p.example", ())
    send(MAIL)
    assert box.received == [("ada@example.org", True, True)]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_server_with_another_name_gets_nothing(
    serve: Callable[..., tuple[Mailbox, int]], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    box, port = serve(scheme, "other.example")
    smtp_sender(f"{scheme}://ada:p%40ss%2Fword@localhost:{port}", "s@p.example", ())(MAIL)
    assert box.received == []
    assert "SSLCertVerificationError" in caplog.text
    assert "ada@example.org" not in caplog.text


def test_a_wrong_password_is_logged_without_it(
    serve: Callable[..., tuple[Mailbox, int]], caplog: pytest.LogCaptureFixture
) -> None:
    box, port = serve("smtps")
    smtp_sender(f"smtps://ada:wrong@localhost:{port}", "s@p.example", ())(MAIL)
    assert box.received == []
    assert "SMTPAuthenticationError" in caplog.text
    assert "wrong" not in caplog.text


def test_starttls_is_insisted_on(caplog: pytest.LogCaptureFixture) -> None:
    """A server, or somebody between, that offers no TLS gets neither password nor mail."""
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        smtp_sender(f"smtp+starttls://ada:secret@127.0.0.1:{port}", "s@p.example", ())(MAIL)
    finally:
        controller.stop()
    assert box.received == []
    assert "SMTPNotSupportedError" in caplog.text
