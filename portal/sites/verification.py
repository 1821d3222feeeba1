"""What a look at a site through the edge found: the values, told by ``PortalConfig.verify``.

The looking is the composition root's work (``statflow.verifying``). The one invariant: what is
wrong says in plain words what to do.
"""

from dataclasses import dataclass
from enum import StrEnum


class Found(StrEnum):
    """What became of one check."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``code`` names what was found, for programs and tests."""

    what: str
    found: Found
    code: str
    said: str
