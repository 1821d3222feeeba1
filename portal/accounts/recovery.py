"""Recovery codes: ten that each stand in for a lost factor once.

The one invariant: of a code only its hash is kept; 79 random bits need no slow one.
"""

import re
import secrets
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.audit.recording import UNAUDITED
from portal.commands import hash_secret
from portal.models import RecoveryCode

COUNT = 10
_GROUPS = 4
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What is not mistaken for one another on paper; 31 of them, so 16 are 79 bits."""


def new_codes(session: Session, user_id: int, now: datetime) -> list[str]:
    """Make ten codes in the place of those before; they are shown this once."""
    session.execute(
        delete(RecoveryCode).where(RecoveryCode.user_id == user_id), execution_options=UNAUDITED
    )
    codes = [_draw() for _ in range(COUNT)]
    session.add_all(
        RecoveryCode(user_id=user_id, code_hash=hash_secret(_plain(code)), created_at=now)
        for code in codes
    )
    session.flush()
    return codes


def _draw() -> str:
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_GROUPS))
    return "-".join(groups)


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()


def spend_code(session: Session, user_id: int, code: str) -> bool:
    """Use a code up, if it is one of the person's."""
    mine = delete(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.code_hash == hash_secret(_plain(code))
    )
    return session.scalar(mine.returning(RecoveryCode.id)) is not None


def codes_left(session: Session, user_id: int) -> int:
    """Count the codes that nobody has used."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id)
    return session.scalar(query) or 0
