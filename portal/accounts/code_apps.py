"""Codes by the clock (TOTP): an app's secret, its picture, and whether a code is good.

Source: RFC 6238, and RFC 4226 for resynchronising. The one invariant: a code is taken once, and
none that is older than the newest one taken.
"""

import logging
import re
from datetime import datetime
from io import BytesIO
from secrets import compare_digest

import pyotp
import segno
from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.accounts.sealing import SealedWithAnotherKeyError, seal, unseal
from portal.audit.recording import UNAUDITED
from portal.models import CodeApp, User

STEP_S = 30
STEPS_OFF = 1
"""How many steps a clock may go wrong, either way."""
_PURPOSE = "code-app"
_DIGITS = re.compile(r"\d{6}")
log = logging.getLogger(__name__)


def new_secret() -> str:
    """Draw a secret of 160 bits, in base32."""
    return pyotp.random_base32()


def app_address(secret: str, email: str, place: str) -> str:
    """Write the ``otpauth:`` address that apps read; ``place`` is the portal's host."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"Statflow {place}".strip())


def qr_picture(text: str) -> str:
    """Draw a text as an SVG that fills its frame, dark on nothing, without style attributes."""
    out = BytesIO()
    code = segno.make(text, error="m")
    code.save(out, kind="svg", xmldecl=False, svgns=True, omitsize=True, svgclass="qr",
              lineclass=None, nl=False)  # fmt: skip
    return out.getvalue().decode()


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Give the step whose code this is, if the clocks are near enough."""
    typed = re.sub(r"\s", "", code)
    if not _DIGITS.fullmatch(typed) or not typed.isascii():
        return None
    this = int(now.timestamp()) // STEP_S
    app = pyotp.TOTP(secret)
    steps = range(this - STEPS_OFF, this + STEPS_OFF + 1)
    return next((step for step in steps if compare_digest(app.at(step * STEP_S), typed)), None)


def add_code_app(session: Session, user: User, secret: str, code: str, now: datetime) -> bool:
    """Set up an app in the place of one before, if the code shows that it has the secret."""
    step = matching_step(secret, code, now)
    if step is None:
        return False
    user.code_app = user.code_app or CodeApp(created_at=now)
    user.code_app.sealed_secret = seal(secret, _PURPOSE, user.id)
    user.code_app.last_step, user.code_app.created_at = step, now
    session.flush()
    return True


def take_code(session: Session, user: User, code: str, now: datetime) -> bool:
    """Take a code of the person's app; each works once."""
    if user.code_app is None:
        return False
    try:
        secret = unseal(user.code_app.sealed_secret, _PURPOSE, user.id)
    except SealedWithAnotherKeyError:
        log.exception("a code app was sealed with another STATFLOW_SECRET_KEY")
        return False
    step = matching_step(secret, code, now)
    if step is None:
        return False
    newer = update(CodeApp).where(CodeApp.user_id == user.id, CodeApp.last_step < step)
    values = {"last_step": step, "last_used_at": now}
    taken = session.execute(newer.values(values).returning(CodeApp.user_id),
                            execution_options=UNAUDITED)  # fmt: skip
    return taken.scalar() is not None
