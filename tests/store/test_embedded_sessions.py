from contextlib import ExitStack

import pytest

from store.embedded_errors import FaceError
from store.embedded_sessions import MAX_SESSIONS, MAX_STATEMENTS, TIMEOUT_S, Session, Sessions


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_session_is_forgotten_after_its_timeout() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    with sessions.hold("a") as session:
        session.remember(b"set x = 1")
    clock.now_s = TIMEOUT_S - 1
    with sessions.hold("a") as session:
        assert session.statements == [b"set x = 1"]
    clock.now_s = 2 * TIMEOUT_S
    with sessions.hold("a") as session:
        assert session.statements == []


def test_a_session_has_one_holder() -> None:
    sessions = Sessions(Clock())
    with ExitStack() as held:
        for name in ("a", "b", "", ""):
            held.enter_context(sessions.hold(name))
        with pytest.raises(FaceError, match="locked"):
            held.enter_context(sessions.hold("a"))
    with sessions.hold("a"):
        pass


def test_the_oldest_idle_sessions_go_first() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    for number in range(MAX_SESSIONS + 5):
        clock.now_s = number / 1_000
        with sessions.hold(str(number)) as session:
            session.remember(b"use x")
    with sessions.hold(str(MAX_SESSIONS)) as session:
        assert session.statements
    with sessions.hold("0") as session:
        assert not session.statements


def test_a_session_is_bounded() -> None:
    session = Session([b"set x = 1"] * MAX_STATEMENTS)
    with pytest.raises(FaceError):
        session.remember(b"set x = 1")
