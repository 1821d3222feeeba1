"""Sessions of the store's HTTP face: which SET and USE statements a ``session_id`` has made.

A handle of the engine lives for one request, so a session is kept as the statements to repeat on
the next one; temporary tables do not last beyond their request. The invariant: as on a server, a
session serves one request at a time and is forgotten after its timeout.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from store.embedded_errors import ErrorCode, FaceError

TIMEOUT_S = 60.0
MAX_SESSIONS = 1_000
MAX_STATEMENTS = 64


@dataclass(slots=True)
class Session:
    """The statements of one session, oldest first, bounded."""

    statements: list[bytes] = field(default_factory=list)
    used_at_s: float = 0.0
    busy: bool = False

    def remember(self, statement: bytes) -> None:
        """Keep a statement that succeeded.

        Raises:
            FaceError: The session holds ``MAX_STATEMENTS`` already.
        """
        if len(self.statements) >= MAX_STATEMENTS:
            raise FaceError(ErrorCode.BAD_ARGUMENTS, "The session has changed too many settings")
        self.statements.append(statement)


class Sessions:
    """All sessions by id. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    @contextmanager
    def hold(self, session_id: str) -> Iterator[Session]:
        """Hold a session for one request; "" is a session of its own that nobody sees again.

        Raises:
            FaceError: Another request holds it.
        """
        if not session_id:
            yield Session()
            return
        session = self._take(session_id)
        try:
            yield session
        finally:
            with self._lock:
                session.busy = False
                session.used_at_s = self._clock()

    def _take(self, session_id: str) -> Session:
        with self._lock:
            self._forget_old()
            session = self._sessions.setdefault(session_id, Session())
            if session.busy:
                message = f"Session {session_id} is locked by a concurrent client"
                raise FaceError(ErrorCode.SESSION_IS_LOCKED, message)
            session.busy = True
            return session

    def _forget_old(self) -> None:
        """Drop what timed out, and the oldest idle ones when there are too many."""
        idle = sorted(
            (session.used_at_s, name)
            for name, session in self._sessions.items()
            if not session.busy
        )
        surplus = len(self._sessions) - MAX_SESSIONS
        for position, (used_at_s, name) in enumerate(idle):
            if position < surplus or used_at_s < self._clock() - TIMEOUT_S:
                del self._sessions[name]
