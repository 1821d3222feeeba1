"""Whether the pages of one request are to get the tag, as far as headers have no say in it.

Switches, canary and breaker are decided by whoever runs the edge (``edge.fronts.control``) and come
here as one value, which ``plan`` obeys. The one invariant: a copy of a page that bears the tag is
confirmed as fresh only under a stance that would put the tag into that page again (``confirms``).
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.inject.decide import SkipReason
from edge.inject.tag import Headers
from edge.sites import Measure, Mode, Site

type Ask = Callable[[Headers], SkipReason | None]
"""Decides from an answer's fields; None lets the tag in."""


@dataclass(frozen=True, slots=True)
class Stance:
    """What is known when the request comes.

    ``reason``: no answer gets the tag, whatever it is. ``shadow``: decide and count only.
    ``ask``: called for an answer that would get the tag, with the last word. ``may_tag``: False
    where it is certain that no page will get it. ``confirms``: True where it is certain that every
    page that may get the tag does.
    """

    reason: SkipReason | None = None
    shadow: bool = False
    ask: Ask | None = None
    may_tag: bool = True
    confirms: bool = False


def _outside(_headers: Headers) -> SkipReason:
    return SkipReason.CANARY


TAGS = Stance(confirms=True)
SHADOW = Stance(shadow=True, may_tag=False)
OUTSIDE_CANARY = Stance(ask=_outside, may_tag=False)
OFF = Stance(reason=SkipReason.OFF, may_tag=False)
EDGE_ONLY = Stance(reason=SkipReason.EDGE_ONLY, may_tag=False)
KILLED = Stance(reason=SkipReason.KILLED, may_tag=False)
PICTURED = Stance(reason=SkipReason.PICTURE)
"""Codings are narrowed to what can be undone, for the picture."""
RULED_OUT = Stance(reason=SkipReason.RULE, may_tag=False)
BROKEN = Stance(reason=SkipReason.BREAKER, may_tag=False)

_BY_MODE = {Mode.ON: TAGS, Mode.CANARY: TAGS, Mode.SHADOW: SHADOW, Mode.OFF: OFF}


def stance_of(site: Site) -> Stance:
    """Read a site's mode alone; a canary's share and the breaker are not known here."""
    if site.mode is not Mode.OFF and site.measure is Measure.EDGE:
        return EDGE_ONLY
    return _BY_MODE[site.mode]
