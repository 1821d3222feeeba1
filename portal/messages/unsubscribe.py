"""Links that end mail: signed, for one recipient and one topic, good for as long as both are there.

What they open is ``portal.messages.leaving``. The one invariant: a link can only take away what its
recipient gets.
"""

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import Session

from portal.messages.message import Topic
from portal.models import Recipient


class Unsubscriber:
    """Writes and reads the links; ``base`` is the portal's address."""

    def __init__(self, secret_key: str, base: str) -> None:
        self._signer = URLSafeSerializer(secret_key, salt="unsubscribe")
        self._base = base.rstrip("/")

    def link(self, recipient: Recipient, topic: Topic) -> str:
        """Write the address that ends a topic for a recipient."""
        told = [recipient.id, recipient.target_hash[:16], topic.value]
        return f"{self._base}/unsubscribe/{self._signer.dumps(told)}"

    def read(self, session: Session, token: str) -> tuple[Recipient, Topic] | None:
        """Find whom and what a token is about; None if it is not ours or they are gone."""
        try:
            number, target, topic = self._signer.loads(token)
        except (BadData, ValueError, TypeError):
            return None
        found = session.get(Recipient, number)
        if found is None or found.target_hash[:16] != target:
            return None
        return found, Topic(topic)


def leave(session: Session, recipient: Recipient, topic: Topic) -> None:
    """Take a topic from a recipient, a test meaning all; who gets nothing is none any more."""
    left = [name for name in recipient.gets if topic not in {Topic.TEST, name}]
    if left:
        recipient.gets = left
    else:
        session.delete(recipient)
