"""A circuit breaker for each site: no tag for a while where the tag seems to hurt.

Judges by what ``page`` records of every page: the injector failed, or the page was cut off or left
before its end. Pages without the tag tell how many are left anyway. Pure: the clock is handed in,
saying and counting what changes is ``control``'s. The one invariant: a site of whose pages none
failed and none was aborted is never touched, and one that was is tried again, by few pages.

It opens when, within the window, enough of the pages with the tag failed, or when their aborted
share is above that of pages without the tag by more than a margin. While it is open all pages teach
what is usual; then a handful of pages gets the tag: if they do well it closes, if not it opens
again, for twice as long. Each process has its own; what one holds of a site is of constant size.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Closed lets pages be injected; half open a few; open none."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Limits:
    """When to open, and for how long.

    Units: shares 0 to 1; ``rise`` is the margin of the aborted share over what is usual.
    """

    slots: int = 6
    slot_s: float = 10.0
    least_failed: int = 5
    failed_share: float = 0.05
    least_aborted: int = 20
    rise: float = 0.25
    open_s: float = 30.0
    longest_open_s: float = 1800.0
    trials: int = 10
    patience_s: float = 30.0
    """After this, trials that have not ended are given to other pages."""
    settled_s: float = 600.0
    """Closed for so long, the next opening is a first one again."""


DEFAULT = Limits()
_PRIOR = 20
_MEMORY = 200
"""How many pages without the tag make up what is usual; so many good ones are assumed at first."""

type OnChange = Callable[[int, State, float], None]
"""Told of a site, its new state and, when it opens, for how many seconds."""


@dataclass(slots=True)
class _Circuit:
    state: State = State.CLOSED
    epoch: int = 0
    until: float = 0.0
    open_s: float = 0.0
    closed_at: float = 0.0
    usual: float = 0.0
    seen: int = _PRIOR
    granted: int = 0
    granted_at: float = 0.0
    done: int = 0
    aborted_trials: int = 0
    stamps: list[int] = field(default_factory=list)
    tried: list[int] = field(default_factory=list)
    aborted: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def forget_window(self, slots: int) -> None:
        """Begin counting anew."""
        self.stamps = [-1] * slots
        self.tried, self.aborted, self.failed = [0] * slots, [0] * slots, [0] * slots


class Breaker:
    """The breakers of all sites of a process.

    Units: ``now`` is monotonic seconds everywhere.
    """

    def __init__(self, limits: Limits = DEFAULT, on_change: OnChange | None = None) -> None:
        self._limits = limits
        self._on_change = on_change
        self._circuits: dict[int, _Circuit] = {}

    def state(self, site_id: int, now: float) -> State:
        """Tell how a site stands; an opening that is over ends here."""
        circuit = self._circuits.get(site_id)
        if circuit is None or circuit.state is State.CLOSED:
            return State.CLOSED
        if circuit.state is State.OPEN and now >= circuit.until:
            self._half_open(site_id, circuit)
        return circuit.state

    def take_trial(self, site_id: int, now: float) -> int:
        """Let one more page be injected in a half-open site; returns its ticket, 0 for none."""
        circuit = self._circuits.get(site_id)
        if circuit is None or self.state(site_id, now) is not State.HALF_OPEN:
            return 0
        if circuit.granted >= self._limits.trials:
            if now - circuit.granted_at < self._limits.patience_s:
                return 0
            circuit.granted = circuit.done
        circuit.granted += 1
        circuit.granted_at = now
        return circuit.epoch

    def record_plain(self, site_id: int, *, aborted: bool) -> None:
        """Learn from a page without the tag what is usual."""
        circuit = self._circuits.get(site_id) or self._add(site_id)
        circuit.seen = min(circuit.seen + 1, _MEMORY)
        circuit.usual += (aborted - circuit.usual) / circuit.seen

    def record_tried(
        self, site_id: int, now: float, *, failed: bool, aborted: bool, ticket: int = 0
    ) -> None:
        """Judge by a page that got the tag, or was meant to.

        ``ticket`` is what ``take_trial`` gave for the page.
        """
        circuit = self._circuits.get(site_id) or self._add(site_id)
        if circuit.state is State.CLOSED:
            self._count(circuit, now, failed=failed, aborted=aborted)
            if (failed or aborted) and self._is_ill(circuit, now):
                self._open(site_id, circuit, now)
        elif circuit.state is State.HALF_OPEN and ticket == circuit.epoch:
            self._judge_trial(site_id, circuit, now, failed=failed, aborted=aborted)

    def _add(self, site_id: int) -> _Circuit:
        circuit = self._circuits[site_id] = _Circuit()
        circuit.forget_window(self._limits.slots)
        return circuit

    def _count(self, circuit: _Circuit, now: float, *, failed: bool, aborted: bool) -> None:
        slot = int(now // self._limits.slot_s)
        at = slot % self._limits.slots
        if circuit.stamps[at] != slot:
            circuit.stamps[at] = slot
            circuit.tried[at] = circuit.aborted[at] = circuit.failed[at] = 0
        circuit.tried[at] += 1
        circuit.failed[at] += failed
        circuit.aborted[at] += aborted

    def _is_ill(self, circuit: _Circuit, now: float) -> bool:
        limits = self._limits
        newest = int(now // limits.slot_s)
        fresh = [at for at in range(limits.slots) if circuit.stamps[at] > newest - limits.slots]
        tried = sum(circuit.tried[at] for at in fresh)
        failed = sum(circuit.failed[at] for at in fresh)
        aborted = sum(circuit.aborted[at] for at in fresh)
        fails = failed >= limits.least_failed and failed >= limits.failed_share * tried
        aborts = aborted >= limits.least_aborted and aborted > self._tolerated(circuit) * tried
        return fails or aborts

    def _tolerated(self, circuit: _Circuit) -> float:
        return circuit.usual + self._limits.rise

    def _judge_trial(
        self, site_id: int, circuit: _Circuit, now: float, *, failed: bool, aborted: bool
    ) -> None:
        circuit.done += 1
        circuit.aborted_trials += aborted
        trials = self._limits.trials
        if failed or circuit.aborted_trials > self._tolerated(circuit) * trials:
            self._open(site_id, circuit, now)
        elif circuit.done >= trials:
            circuit.forget_window(self._limits.slots)
            circuit.closed_at = now
            self._change(site_id, circuit, State.CLOSED)

    def _open(self, site_id: int, circuit: _Circuit, now: float) -> None:
        limits = self._limits
        settled = circuit.state is State.CLOSED and now - circuit.closed_at >= limits.settled_s
        doubled = min(circuit.open_s * 2, limits.longest_open_s)
        circuit.open_s = limits.open_s if settled or not circuit.open_s else doubled
        circuit.until = now + circuit.open_s
        self._change(site_id, circuit, State.OPEN, circuit.open_s)

    def _half_open(self, site_id: int, circuit: _Circuit) -> None:
        circuit.granted = circuit.done = circuit.aborted_trials = 0
        self._change(site_id, circuit, State.HALF_OPEN)

    def _change(self, site_id: int, circuit: _Circuit, state: State, open_s: float = 0.0) -> None:
        circuit.state = state
        circuit.epoch += 1
        if self._on_change is not None:
            self._on_change(site_id, state, open_s)
