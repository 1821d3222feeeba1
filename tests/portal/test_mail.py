"""Mail over TLS, at once and after STARTTLS, to a real server that asks for a password."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from portal.mail import Mail, smtp_sender
from tests.support.certificates import Authority
from tests.support.stack import free_port

# The server behind the one that takes TLS off is plain on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
MAIL = Mail("ada@example.org", "Grüße", "A link: https://p.example/x")


class Mailbox:
    """Keeps what arrived, and whether it was sent by somebody who signed in."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bool]] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append((envelope.rcpt_tos[0], session.authenticated))
        return "250 OK"


def check(_server: Any, _session: Any, _envelope: Any, _kind: str, given: Any) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and given.password == b"p@ss/word"
    # Not "handled": the server itself then writes the answer, 235 or 535.
    return AuthResult(success=is_right, handled=False)


def take_tls_off(context: ssl.SSLContext, behind: int, stop: ExitStack) -> int:
    """Stand before a plain server and speak TLS, as stunnel does; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(raw, server_side=True) as line:
                    plain = socket.create_connection(("127.0.0.1", behind))
                    back = threading.Thread(target=pump, args=(plain, line), daemon=True)
                    back.start()
                    pump(line, plain)
                    back.join(5)
                    plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    stop.callback(thread.join, 5)
    stop.callback(listener.close)
    stop.callback(listener.shutdown, socket.SHUT_RDWR)
    return int(listener.getsockname()[1])


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    found = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found.path))
    return found


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[..., tuple[Mailbox, int]]]:
    """Start a mail server of a scheme with a certificate for a name; give its box and port."""
    with ExitStack() as stop:

        def make(scheme: str, name: str = "localhost") -> tuple[Mailbox, int]:
            context, box, port = authority.server_context(name), Mailbox(), free_port()
            options: dict[str, Any] = (
                {"auth_require_tls": False}
                if scheme == "smtps"
                else {"tls_context": context, "require_starttls": True}
            )
            controller = Controller(
                box,
                hostname="127.0.0.1",
                port=port,
                authenticator=check,
                auth_required=True,
                **options,
            )
            controller.start()
            stop.callback(controller.stop)
            return box, take_tls_off(context, port, stop) if scheme == "smtps" else port

        yield make


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_mail_goes_over_tls_with_a_password(
    serve: Callable[..., tuple[Mailbox, int]], scheme: str
) -> None:
    box, port = serve(scheme)
    smtp_sender(f"{scheme}://ada:p%40ss%2Fword@localhost:{port}", "s@p.example", ())(MAIL)
    assert box.received == [("ada@example.org", True)]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_server_with_another_name_gets_nothing(
    serve: Callable[..., tuple[Mailbox, int]], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    box, port = serve(scheme, "other.example")
    smtp_sender(f"{scheme}://ada:p%40ss%2Fword@localhost:{port}", "s@p.example", ())(MAIL)
    assert box.received == []
    assert "SSLCertVerificationError" in caplog.text
    assert "ada@example.org" not in caplog.text


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_wrong_password_is_logged_without_it(
    serve: Callable[..., tuple[Mailbox, int]], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    box, port = serve(scheme)
    smtp_sender(f"{scheme}://ada:mistaken@localhost:{port}", "s@p.example", ())(MAIL)
    assert box.received == []
    assert "mail could not be sent: the mail server refused name or password (535)" in caplog.text
    assert "mistaken" not in caplog.text


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
