"""What the portal can say in other languages of what the edge did is all that the edge did."""

from edge.inject.decide import REASONS
from edge.outcomes import REASONS as DROP_REASONS
from portal.sites.meanings import OF_EVENTS, OF_PAGES


def test_every_reason_can_be_translated() -> None:
    assert list(OF_PAGES) == [reason.meaning for reason in REASONS]
    assert list(OF_EVENTS) == [reason.meaning for reason in DROP_REASONS]
