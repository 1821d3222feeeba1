"""Webhooks: a message as JSON, signed so that the other side knows who says it, and when.

The form is that of the Standard Webhooks specification: ``webhook-id`` is the same at every try,
``webhook-timestamp`` are Unix seconds of this one, ``webhook-signature`` is ``v1,`` and the
base64 of HMAC-SHA256 over ``id.timestamp.body``. Pure.
"""

import base64
import hmac

import orjson

from portal.messages.message import Message
from portal.messages.recipients import SIGNING_PREFIX


def render_webhook(
    message: Message, secret: str, *, message_id: str, at_s: int, link: str
) -> tuple[bytes, dict[str, str]]:
    """Write the body and the headers."""
    body = orjson.dumps(
        {
            "type": message.topic.value,
            "site": message.site,
            "title": message.title,
            "text": message.text,
            "url": link,
            "data": message.data or {},
        }
    )
    signed = f"{message_id}.{at_s}.".encode() + body
    key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{signature}",
    }
    return body, headers
