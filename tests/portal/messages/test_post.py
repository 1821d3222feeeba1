"""Posting to typed addresses: only where allowed, never further, never for ever."""

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from portal.messages import post
from portal.messages.outbox import State
from portal.messages.post import NO_LINE, Poster
from statflow.reach import reach_checker
from tests.portal.messages.conftest import poster
from tests.support.certificates import Authority
from tests.support.receiver import Receiver, running_receiver


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, State.SENT),
        (204, State.SENT),
        (302, State.FAILED),
        (400, State.FAILED),
        (404, State.FAILED),
        (410, State.FAILED),
        (429, State.WAITING),
        (500, State.WAITING),
        (503, State.WAITING),
    ],
)
def test_the_status_decides(receiver: Receiver, status: int, state: State) -> None:
    receiver.statuses = [status]
    outcome = poster().post(receiver.url("/a?b=1"), b"{}", {"X-Own": "1"})
    assert (outcome.state, outcome.said) == (state, f"It answered {status}.")
    (got,) = receiver.received
    assert (got.path, got.body, got.headers["x-own"]) == ("/a?b=1", b"{}", "1")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses = [307]
    receiver.headers = {"Location": receiver.url("/elsewhere")}
    assert poster().post(receiver.url(), b"{}", {}).state is State.FAILED
    assert [got.path for got in receiver.received] == ["/hook"]


def test_the_pause_that_is_asked_for_is_kept_within_a_day(receiver: Receiver) -> None:
    receiver.statuses = [429]
    for said, after_s in (("7", 7), ("99999999", 86_400), ("soon", 0)):
        receiver.headers = {"Retry-After": said}
        assert poster().post(receiver.url(), b"{}", {}).after_s == after_s


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_a_private_address_gets_not_a_byte_however_it_is_written(
    receiver: Receiver, host: str
) -> None:
    closed = poster("")
    url = receiver.url(host=host)
    assert "private network" in closed.problem(url)
    assert closed.post(url, b"{}", {}).state is State.FAILED
    assert receiver.received == []


def test_a_name_is_asked_for_again_at_every_post(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was public when it was typed leads nowhere once it means the neighbour."""
    answers = ["203.0.113.7", "127.0.0.1"]

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "rebind.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(post.socket, "getaddrinfo", resolve)
    told: list[str] = []

    def problem_of(address: str, _secure: bool) -> str:
        told.append(address)
        return "private" if address == "127.0.0.1" else ""

    careful = Poster(problem_of)
    assert careful.problem(receiver.url(host="rebind.example")) == ""
    assert careful.post(receiver.url(host="rebind.example"), b"{}", {}).said == "private"
    assert (told, receiver.received) == (["203.0.113.7", "127.0.0.1"], [])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "example.com",
        "https://",
        "https://user:word@example.com/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/\r\nX-Evil: 1",
        "file:///etc/passwd",
        "https://" + "a" * 70 + ".example/",
    ],
)
def test_what_is_no_address_is_said(url: str) -> None:
    assert "Type an address" in poster().problem(url)
    assert poster().post(url, b"", {}).state is State.FAILED


def test_nobody_there_is_tried_again(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = poster().post(f"http://127.0.0.1:{port}/", b"", {})
    assert (outcome.state, outcome.said) == (State.WAITING, NO_LINE)


@pytest.mark.parametrize(("repeatable", "state"), [(False, State.UNKNOWN), (True, State.WAITING)])
@pytest.mark.parametrize("drips", [False, True])
def test_who_never_answers_holds_nobody_up(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    *,
    repeatable: bool,
    state: State,
    drips: bool,
) -> None:
    monkeypatch.setattr(post, "TOTAL_S", 2.0)
    receiver.wait_s, receiver.drips = 20, drips
    began = time.monotonic()
    outcome = poster().post(receiver.url(), b"{}", {}, repeatable=repeatable)
    assert time.monotonic() - began < 15
    assert outcome.state is state
    assert len(receiver.received) == 1


def test_a_certificate_must_stand_for_the_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.write_pair(tmp_path / "pair", "localhost")
    trusting = ssl.create_default_context(cafile=str(authority.path))
    allowed = reach_checker("loopback")
    with running_receiver(tmp_path / "pair") as receiver:
        good = receiver.url(scheme="https", host="localhost")
        assert Poster(allowed, trusting).post(good, b"{}", {}).state is State.SENT
        assert receiver.received[0].headers["host"] == f"localhost:{receiver.port}"
        other = receiver.url(scheme="https", host="127.0.0.1")
        for careful, url in ((Poster(allowed, trusting), other), (Poster(allowed), good)):
            outcome = careful.post(url, b"{}", {})
            assert (outcome.state, outcome.said) == (
                State.WAITING,
                "Its certificate is not good.",
            )
        assert len(receiver.received) == 1
