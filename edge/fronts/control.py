"""Who may switch a page's tag off, put together: kill switch, mode, canary, circuit breaker.

Every page asks here when its request comes and tells at its end how it went. The decisions
themselves are pure and elsewhere (``canary``, ``breaker``, ``edge.inject.stance``); this module
joins them with the snapshot and the clock, and says and counts what the breaker does. The one
invariant: what the snapshot says now decides about the next request; nothing here is kept longer.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from prometheus_client import Counter, Gauge

from edge.event import Address
from edge.fronts.breaker import DEFAULT as LIMITS
from edge.fronts.breaker import Breaker, Limits, State
from edge.fronts.canary import is_for_one_visitor, is_path_inside, is_visitor_inside
from edge.inject import stance
from edge.inject.decide import SkipReason
from edge.inject.stance import Stance
from edge.inject.tag import Headers
from edge.sites import EMPTY, Measure, Mode, Site, Snapshot
from edge.wire.fields import Fields, values_of

_log = logging.getLogger("statflow.edge.breaker")
_STATE = Gauge(
    "statflow_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open.", ["site"]
)
_OPENED = Counter("statflow_breaker_opened_total", "Times the circuit breaker opened.", ["site"])
_CODES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


@dataclass(slots=True)
class Late:
    """What can only be decided when a page is there that would get the tag.

    ``ticket`` is the breaker's, once it let the page be one of its trials.
    """

    control: "Control"
    site_id: int
    path_inside: bool = True
    visitor_inside: bool = True
    ticket: int = 0

    def __call__(self, headers: Headers) -> SkipReason | None:
        """Decide; see ``edge.inject.stance.Ask``."""
        inside = self.path_inside
        if inside is not self.visitor_inside and is_for_one_visitor(headers):
            inside = self.visitor_inside
        if not inside:
            return SkipReason.CANARY
        state = self.control.state(self.site_id)
        if state is State.HALF_OPEN:
            self.ticket = self.control.take_trial(self.site_id)
        return None if state is State.CLOSED or self.ticket else SkipReason.BREAKER


type Permission = tuple[Stance, Late | None]

_TAGS: Permission = (stance.TAGS, None)
_SHADOW: Permission = (stance.SHADOW, None)
_OUTSIDE: Permission = (stance.OUTSIDE_CANARY, None)
_OFF: Permission = (stance.OFF, None)
_EDGE_ONLY: Permission = (stance.EDGE_ONLY, None)
_KILLED: Permission = (stance.KILLED, None)
_RULED_OUT: Permission = (stance.RULED_OUT, None)
_BROKEN: Permission = (stance.BROKEN, None)


class Control:
    """One process's control over the injection of all its sites.

    Args:
        sites: Gives the snapshot of the moment, for its kill switch; None: there is none.
        debug: Say in a header of every answer what was decided.
        limits: When the breaker opens.
        now: Monotonic seconds.
        wall: Unix seconds, for the day of a canary's visitors.
    """

    def __init__(
        self,
        sites: Callable[[], Snapshot] | None = None,
        *,
        debug: bool = False,
        limits: Limits = LIMITS,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.debug = debug
        self._sites = sites or (lambda: EMPTY)
        self._breaker = Breaker(limits, _say_change)
        self._now = now
        self._wall = wall

    def permit(
        self, site: Site, target: bytes, headers: Fields, address: Address | None
    ) -> Permission:
        """Decide about the pages of one request, as far as its answer has no say.

        Without an ``address`` a canary goes by paths alone.
        """
        mode, switched_off = site.mode, self._switched_off(site)
        if switched_off is not None:
            return switched_off
        if not site.policy.may_inject(target.decode("utf-8", "replace")):
            return _RULED_OUT
        state = self.state(site.id)
        if state is State.OPEN:
            return _BROKEN
        if state is State.CLOSED and mode is not Mode.CANARY:
            return _TAGS if mode is Mode.ON else _SHADOW
        late = Late(self, site.id)
        if mode is Mode.CANARY:
            late.path_inside = late.visitor_inside = is_path_inside(site, target)
            if address is not None:
                agent = b"".join(values_of(headers, b"user-agent"))
                late.visitor_inside = is_visitor_inside(site, address, agent, self._wall())
            if not (late.path_inside or late.visitor_inside):
                return _OUTSIDE
            if state is State.CLOSED and late.path_inside and late.visitor_inside:
                return _TAGS
        is_shadow = mode is Mode.SHADOW
        return Stance(ask=late, shadow=is_shadow, may_tag=not is_shadow), late

    def _switched_off(self, site: Site) -> Permission | None:
        if site.mode is Mode.OFF:
            return _OFF
        if not self._sites().injection:
            return _KILLED
        return _EDGE_ONLY if site.measure is Measure.EDGE else None

    def state(self, site_id: int) -> State:
        """Tell how a site's breaker stands."""
        return self._breaker.state(site_id, self._now())

    def take_trial(self, site_id: int) -> int:
        """Ask a half-open breaker for one page; see ``Breaker.take_trial``."""
        return self._breaker.take_trial(site_id, self._now())

    def record_plain(self, site_id: int, *, aborted: bool) -> None:
        """Tell the breaker of a document that passed without the tag."""
        self._breaker.record_plain(site_id, aborted=aborted)

    def record_tried(self, site_id: int, *, failed: bool, aborted: bool, late: Late | None) -> None:
        """Tell the breaker of a page that got the tag, or was meant to."""
        ticket = 0 if late is None else late.ticket
        self._breaker.record_tried(
            site_id, self._now(), failed=failed, aborted=aborted, ticket=ticket
        )

    def explains(self, site: Site, headers: Fields) -> bool:
        """Tell whether whoever asks may learn what was decided."""
        if self.debug or site.debug:
            return True
        if not site.debug_key:
            return False
        key = b"".join(values_of(headers, b"x-statflow-debug"))
        return compare_digest(key, site.debug_key.encode())


def _say_change(site_id: int, state: State, open_s: float) -> None:
    _STATE.labels(str(site_id)).set(_CODES[state])
    if state is State.OPEN:
        _OPENED.labels(str(site_id)).inc()
        _log.warning(
            "site %d: injection is off for %d s: its pages fail or are aborted more than others",
            site_id,
            open_s,
        )
    elif state is State.CLOSED:
        _log.warning("site %d: injection is on again", site_id)


ALONE = Control()
"""For a page whose front has no control of its own: by the site's mode, without a kill switch."""
