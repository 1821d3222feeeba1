"""Passkeys (WebAuthn): adding one, and letting somebody in with one.

The browser's part is ``static/js/passkeys.js``. A challenge travels in the form, signed, and works
once, so that two tabs do not disturb each other. The one invariant: user verification is always
asked for and checked, so that a passkey alone is two factors: the device, and its holder's finger,
face or PIN.
"""

import json
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from portal.accounts.once import LIFETIME, spend
from portal.audit.recording import UNAUDITED
from portal.config import here
from portal.language import _
from portal.models import Passkey, User

MAX_PASSKEYS = 20
MAX_NAME = 80
_HANDLE_BYTES = 32
_TRANSPORTS = {transport.value: transport for transport in AuthenticatorTransport}
log = logging.getLogger(__name__)


class Purpose(StrEnum):
    """What a challenge is for; one for one thing is good for no other."""

    ADD = "add"
    SIGN_IN = "sign_in"
    SECOND = "second"


class PasskeyError(ValueError):
    """The passkey was not accepted; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page needs to ask the browser for a passkey: options as JSON, and the challenge."""

    options: str
    challenge: str


def relying_party() -> tuple[str, str] | None:
    """Give RP id and origin, from where people reach the portal; None where browsers refuse it.

    Source: WebAuthn level 3, 5.1.3 and 13.4.9: a secure context, and a domain as RP id.
    """
    parts = urlsplit(here().config.public_url)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        if host and (parts.scheme == "https" or local):
            return host, f"{parts.scheme}://{parts.netloc}"
    return None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(here().config.secret_key, salt="passkey")


def _asked(options: Any, purpose: Purpose, user_id: int, handle: str = "") -> Asked:
    told = [bytes_to_base64url(options.challenge), purpose.value, user_id, handle]
    return Asked(options_to_json(options), str(_signer().dumps(told)))


def ask_to_add(user: User) -> Asked | None:
    """Write what a browser is asked to make a passkey of."""
    party = relying_party()
    if party is None:
        return None
    handle = _handle(user)
    options = generate_registration_options(
        rp_id=party[0],
        rp_name="Statflow",
        user_id=base64url_to_bytes(handle),
        user_name=user.email,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(user.passkeys),
    )
    # The handle goes along: of the first passkey nothing is kept yet.
    return _asked(options, Purpose.ADD, user.id, handle)


def _handle(user: User) -> str:
    if user.passkeys:
        return user.passkeys[0].user_handle
    return bytes_to_base64url(secrets.token_bytes(_HANDLE_BYTES))


def _described(passkeys: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(row.credential_id),
            transports=[_TRANSPORTS[name] for name in row.transports if name in _TRANSPORTS],
        )
        for row in passkeys
    ]


def ask_to_sign_in(user: User | None = None) -> Asked | None:
    """Write what a browser is asked for: any passkey of ours, or one of this person."""
    party = relying_party()
    if party is None or (user is not None and not user.passkeys):
        return None
    options = generate_authentication_options(
        rp_id=party[0],
        allow_credentials=_described(user.passkeys) if user is not None else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    purpose = Purpose.SIGN_IN if user is None else Purpose.SECOND
    return _asked(options, purpose, user.id if user is not None else 0)


def _spend_challenge(session: Session, text: str, purpose: Purpose, user_id: int) -> list[Any]:
    try:
        found = _signer().loads(text, max_age=int(LIFETIME.total_seconds()))
    except BadSignature:
        raise PasskeyError(_("That took too long. Try once more.")) from None
    if found[1:3] != [purpose.value, user_id]:
        raise PasskeyError(_("That was for something else. Try once more."))
    if not spend(session, found[0], here().now()):
        raise PasskeyError(_("That was answered already. Try once more."))
    return list(found)


def add_passkey(
    session: Session, user: User, name: str, challenge: str, credential: str
) -> Passkey:
    """Keep a passkey that a browser made for this person.

    Raises:
        PasskeyError: It is none of what was asked for.
    """
    title = " ".join(name.split())[:MAX_NAME] or "Passkey"
    asked = _spend_challenge(session, challenge, Purpose.ADD, user.id)
    if len(user.passkeys) >= MAX_PASSKEYS:
        raise PasskeyError(
            _("An account has at most %(max_passkeys)s passkeys.", max_passkeys=MAX_PASSKEYS)
        )
    rp_id, origin = relying_party() or ("", "")
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(asked[0]),
            expected_rp_id=rp_id,
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyError(_refused(error)) from None
    credential_id = bytes_to_base64url(made.credential_id)
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id)):
        raise PasskeyError(_("This passkey is in use already."))
    row = Passkey(
        name=title,
        credential_id=credential_id,
        public_key=bytes_to_base64url(made.credential_public_key),
        user_handle=str(asked[3]),
        sign_count=made.sign_count,
        transports=_transports(credential),
        created_at=here().now(),
    )
    user.passkeys.append(row)
    session.flush()
    return row


def _refused(error: Exception) -> str:
    """Say that it was not accepted; why, is for the log: it names nobody."""
    log.info("a passkey was refused: %s: %s", type(error).__name__, error)
    return _("The passkey was not accepted.")


def _transports(credential: str) -> list[str]:
    told = json.loads(credential).get("response", {}).get("transports") or []
    return [name for name in told if name in _TRANSPORTS] if isinstance(told, list) else []


def take_passkey(
    session: Session, challenge: str, credential: str, now: datetime, user: User | None = None
) -> User:
    """Find who signs in with a passkey; with a user given, it must be theirs.

    Raises:
        PasskeyError: It is unknown, another person's, not verified, or perhaps a copy.
    """
    purpose = Purpose.SIGN_IN if user is None else Purpose.SECOND
    asked = _spend_challenge(session, challenge, purpose, user.id if user is not None else 0)
    row = _named(session, credential)
    if row is None or (user is not None and row.user_id != user.id):
        raise PasskeyError(_("This passkey is not known here."))
    rp_id, origin = relying_party() or ("", "")
    try:
        checked = verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(asked[0]),
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=base64url_to_bytes(row.public_key),
            # The count is compared below, so that a copy is told from a wrong signature.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyError(_refused(error)) from None
    if row.sign_count and checked.new_sign_count <= row.sign_count:
        log.warning("passkey %d counts backwards: it may have been copied", row.id)
        raise PasskeyError(_("This passkey counts backwards, as a copy would. Remove it."))
    used = update(Passkey).where(Passkey.id == row.id)
    session.execute(
        used.values(sign_count=checked.new_sign_count, last_used_at=now),
        execution_options=UNAUDITED,
    )
    return row.user


def _named(session: Session, credential: str) -> Passkey | None:
    """Find the passkey that an answer names, if it names its owner as well, where it names one."""
    try:
        told = json.loads(credential)
        name, handle = told["id"], told["response"].get("userHandle")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(name, str):
        return None
    row = session.scalar(select(Passkey).where(Passkey.credential_id == name))
    return row if row is not None and handle in {None, "", row.user_handle} else None
