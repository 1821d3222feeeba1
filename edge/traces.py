"""A share of the edge's requests as spans: the same facts as a line of the request log."""

import random

from edge.fronts.operating import Answered, OnAnswered
from store import tracing


def traced(ratio: float) -> OnAnswered:
    """Tell of so large a share of the requests that are answered; chosen by chance alone."""

    def tell(answered: Answered) -> None:
        if random.random() < ratio:  # noqa: S311 - a sample, no secret
            tracing.record(
                "edge.request",
                answered.duration_ms / 1000,
                site_id=answered.site_id,
                method=answered.method if answered.method in tracing.METHODS else "other",
                status=answered.status,
                outcome=answered.outcome,
            )

    return tell


def both(*tell: OnAnswered | None) -> OnAnswered | None:
    """Tell each of them that there is; None where there is none."""
    found = [each for each in tell if each is not None]
    if len(found) < 2:  # noqa: PLR2004 - one needs nobody who passes it on
        return found[0] if found else None

    def tell_all(answered: Answered) -> None:
        for each in found:
            each(answered)

    return tell_all
