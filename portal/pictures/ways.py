"""What the portal needs of the edges for a picture; given by whoever composes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class AddressOf(Protocol):
    """Writes the address that lets the edge take one picture."""

    def __call__(
        self, site_id: int, address: str, nonce: str, until: datetime, *, hides_words: bool
    ) -> str:
        """Put a ticket into the address of a page."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The ways.

    ``origin`` guesses scheme, host and port of a site's pages; ``fetch`` gives a picture that
    waits, with ``path``, ``hosts`` and ``html``, or None, and may raise; ``forget`` lets it wait no
    longer and may raise.
    """

    address: AddressOf
    origin: Callable[[str], str]
    fetch: Callable[[int, str], dict[str, Any] | None]
    forget: Callable[[int, str], None]
