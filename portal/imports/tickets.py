"""Who may send a large body: the server takes one only with a ticket in its address.

The server holds back a whole body before a view sees it, so what strangers may send must stay
small. The page of imports writes a signed ticket into its form; it names a person, and is good for
a day. The one invariant: without one, no body above the server's limit is taken in at all. What
the person may do is asked by the view, as everywhere.
"""

from itsdangerous import BadSignature, URLSafeTimedSerializer

GOOD_FOR_S = 86_400
FIELD = "ticket"
_SALT = "import-file"


class Tickets:
    """Makes and checks tickets; ``key`` is the portal's secret."""

    def __init__(self, key: str) -> None:
        self._signer = URLSafeTimedSerializer(key, salt=_SALT)

    def make(self, person_id: int) -> str:
        """Write a ticket for a person."""
        return self._signer.dumps(person_id)

    def is_good(self, ticket: str) -> bool:
        """Tell whether a ticket is one of ours, and not too old."""
        try:
            self._signer.loads(ticket, max_age=GOOD_FOR_S)
        except BadSignature:
            return False
        return True
