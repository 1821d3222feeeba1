"""TLS on the mitmproxy front: new certificates while it runs, and clients that come again."""

import socket
import ssl
from pathlib import Path

import pytest

from edge.fronts import mitm
from tests.conformance.asking import get, wait_until
from tests.edge.fronts.conftest import Movable
from tests.support.front_stack import SHOP


def shake_hands(
    movable: Movable, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bool, ssl.SSLSession | None, bytes | None]:
    """Ask for something; returns whether the session was resumed, the next one, the certificate."""
    raw = socket.create_connection(("127.0.0.1", movable.stack.tls_port), timeout=5)
    with context.wrap_socket(raw, server_hostname=SHOP, session=session) as secure:
        secure.sendall(get("/sf/tracker.js"))
        assert secure.recv(4096).startswith(b"HTTP/1.1 200")
        return bool(secure.session_reused), secure.session, secure.getpeercert(binary_form=True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_comes_again_resumes_its_session(
    movable: Movable, version: ssl.TLSVersion
) -> None:
    context = movable.stack.client_context("http/1.1")
    context.minimum_version = context.maximum_version = version
    first, session, _ = shake_hands(movable, context)
    again, _, _ = shake_hands(movable, context, session)

    assert not first
    assert again


def test_a_new_certificate_is_shown_without_a_restart(
    movable: Movable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mitm, "_CERTIFICATES_S", 30.0)
    context = movable.stack.client_context("http/1.1")
    _, _, before = shake_hands(movable, context)
    movable.stack.authority.write_pair(movable.stack.tls_dir / SHOP, SHOP)
    assert shake_hands(movable, context)[2] == before
    movable.offset_s = 31
    wait_until(lambda: shake_hands(movable, context)[2] != before)


def test_a_reload_shows_a_new_certificate_at_once(movable: Movable) -> None:
    context = movable.stack.client_context("http/1.1")
    _, _, before = shake_hands(movable, context)
    movable.stack.authority.write_pair(movable.stack.tls_dir / SHOP, SHOP)
    movable.front.reload_certificates()

    assert shake_hands(movable, context)[2] != before


def test_a_folder_that_cannot_be_read_stops_no_handshake(movable: Movable) -> None:
    movable.stack.tls_dir.rename(movable.stack.tls_dir.with_name("elsewhere"))
    movable.offset_s = 31
    context = movable.stack.client_context("http/1.1")
    for _ in range(3):
        shake_hands(movable, context)
