"""A breaker that opens for cause only, keeps its word while open, and always tries again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.fronts.breaker import DEFAULT, Breaker, State

SITE = 7


class Told:
    """A breaker with its changes and its clock in hand."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, State, float]] = []
        self.breaker = Breaker(DEFAULT, lambda *change: self.changes.append(change))
        self.now = 1_000.0

    def pages(self, count: int, *, failed: bool = False, aborted: bool = False) -> None:
        for _ in range(count):
            self.breaker.record_tried(SITE, self.now, failed=failed, aborted=aborted)

    def plain(self, count: int, *, aborted: bool = False) -> None:
        for _ in range(count):
            self.breaker.record_plain(SITE, aborted=aborted)

    @property
    def state(self) -> State:
        return self.breaker.state(SITE, self.now)

    def trial(self, *, failed: bool = False, aborted: bool = False) -> None:
        ticket = self.breaker.take_trial(SITE, self.now)
        assert ticket
        self.breaker.record_tried(SITE, self.now, failed=failed, aborted=aborted, ticket=ticket)


@pytest.fixture
def told() -> Told:
    return Told()


def test_failures_open_it_for_this_site_only(told: Told) -> None:
    told.pages(60)
    told.pages(4, failed=True)
    assert told.state is State.CLOSED
    told.pages(1, failed=True)
    assert told.state is State.OPEN
    assert told.changes == [(SITE, State.OPEN, 30.0)]
    assert told.breaker.state(SITE + 1, told.now) is State.CLOSED


def test_a_few_failures_among_very_many_pages_do_not(told: Told) -> None:
    told.pages(1_000)
    told.pages(40, failed=True)
    assert told.state is State.CLOSED


def test_failures_that_are_spread_over_more_than_the_window_do_not(told: Told) -> None:
    for _ in range(10):
        told.pages(2, failed=True)
        told.now += 30.0
    assert told.state is State.CLOSED


def test_a_rise_in_aborts_over_what_is_usual_opens_it(told: Told) -> None:
    told.plain(150)
    told.plain(50, aborted=True)
    told.pages(60)
    told.pages(40, aborted=True)
    assert told.state is State.CLOSED
    told.pages(80, aborted=True)
    assert told.state is State.OPEN


def test_pages_that_are_aborted_with_and_without_the_tag_are_no_cause(told: Told) -> None:
    for _ in range(200):
        told.plain(1, aborted=True)
        told.plain(1)
    told.pages(100)
    told.pages(100, aborted=True)
    assert told.state is State.CLOSED


def test_it_tries_again_by_few_pages_and_closes_when_they_do_well(told: Told) -> None:
    told.pages(5, failed=True)
    told.now += 29.9
    assert told.state is State.OPEN
    assert not told.breaker.take_trial(SITE, told.now)
    told.now += 0.2
    assert told.state is State.HALF_OPEN
    tickets = [told.breaker.take_trial(SITE, told.now) for _ in range(12)]
    assert [bool(ticket) for ticket in tickets] == [True] * 10 + [False] * 2
    for ticket in tickets[:10]:
        assert told.state is State.HALF_OPEN
        told.breaker.record_tried(SITE, told.now, failed=False, aborted=False, ticket=ticket)
    assert told.state is State.CLOSED
    assert [state for _, state, _ in told.changes] == ["open", "half_open", "closed"]


def test_a_failing_trial_opens_it_again_for_twice_as_long(told: Told) -> None:
    told.pages(5, failed=True)
    for _ in range(8):
        told.now = told.breaker._circuits[SITE].until
        told.trial(failed=True)
        assert told.state is State.OPEN
    spans = [span for _, state, span in told.changes if state is State.OPEN]
    assert spans == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]


def test_a_breaker_long_closed_begins_with_a_short_opening_again(told: Told) -> None:
    told.pages(5, failed=True)
    told.now += 30
    for _ in range(10):
        told.trial()
    told.pages(5, failed=True)
    told.now += 60
    for _ in range(10):
        told.trial()
    told.now += 601
    told.pages(5, failed=True)
    assert [span for _, state, span in told.changes if state is State.OPEN] == [30, 60, 30]


def test_trials_that_nobody_ends_are_given_to_others(told: Told) -> None:
    told.pages(5, failed=True)
    told.now += 30
    for _ in range(10):
        assert told.breaker.take_trial(SITE, told.now)
    told.now += 29
    assert not told.breaker.take_trial(SITE, told.now)
    told.now += 1
    for _ in range(10):
        told.trial()
    assert told.state is State.CLOSED


def test_pages_from_before_it_opened_are_no_trials(told: Told) -> None:
    told.pages(5, failed=True)
    told.now += 30
    assert told.state is State.HALF_OPEN
    told.pages(100, failed=True, aborted=True)
    assert told.state is State.HALF_OPEN


def test_a_site_that_is_often_left_anyway_learns_that_while_open(told: Told) -> None:
    """The first guess is that nobody leaves; pages without the tag correct it."""
    for _ in range(40):
        told.pages(1, aborted=True)
        told.pages(1)
    assert told.state is State.OPEN
    for _ in range(100):
        told.plain(1, aborted=True)
        told.plain(1)
    told.now += 30
    for n in range(10):
        told.trial(aborted=n % 2 == 0)
    assert told.state is State.CLOSED
    for _ in range(200):
        told.pages(1, aborted=True)
        told.pages(1)
    assert told.state is State.CLOSED


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=200))
def test_pages_that_do_well_never_open_it(pages: list[tuple[bool, float]]) -> None:
    told = Told()
    for is_plain, wait in pages:
        told.now += wait
        if is_plain:
            told.plain(1, aborted=True)
        else:
            told.pages(1)
        assert told.state is State.CLOSED


class AnyLife(RuleBasedStateMachine):
    """Whatever happens to a site, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told()
        self.tickets: list[int] = []
        self.granted = 0
        self.granted_at = 0.0
        self.bad = 0

    @rule(seconds=st.sampled_from([0.0, 0.1, 9.0, 31.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.told.now += seconds

    @rule(count=st.integers(1, 30), failed=st.booleans(), aborted=st.booleans())
    def pages(self, count: int, failed: bool, aborted: bool) -> None:
        self.bad += count * (failed or aborted)
        self.told.pages(count, failed=failed, aborted=aborted)

    @rule(count=st.integers(1, 30), aborted=st.booleans())
    def plain(self, count: int, aborted: bool) -> None:
        self.told.plain(count, aborted=aborted)

    @rule()
    def ask(self) -> None:
        state, changes = self.told.state, len(self.told.changes)
        ticket = self.told.breaker.take_trial(SITE, self.told.now)
        assert not ticket or state is State.HALF_OPEN
        assert changes == len(self.told.changes)
        if ticket:
            self.tickets.append(ticket)

    @rule(failed=st.booleans(), aborted=st.booleans())
    def end_a_trial(self, failed: bool, aborted: bool) -> None:
        if self.tickets:
            self.bad += failed or aborted
            ticket = self.tickets.pop(0)
            self.told.breaker.record_tried(
                SITE, self.told.now, failed=failed, aborted=aborted, ticket=ticket
            )

    @invariant()
    def opens_for_cause_only(self) -> None:
        if any(state is State.OPEN for _, state, _ in self.told.changes):
            assert self.bad >= DEFAULT.least_failed

    @invariant()
    def goes_round_in_order(self) -> None:
        states = [State.CLOSED, *(state for _, state, _ in self.told.changes)]
        allowed = {
            State.CLOSED: {State.OPEN},
            State.OPEN: {State.HALF_OPEN},
            State.HALF_OPEN: {State.OPEN, State.CLOSED},
        }
        assert all(b in allowed[a] for a, b in pairwise(states))

    @invariant()
    def opens_for_a_bounded_time(self) -> None:
        spans = [span for _, state, span in self.told.changes if state is State.OPEN]
        assert all(DEFAULT.open_s <= span <= DEFAULT.longest_open_s for span in spans)
        is_over = self.told.now + DEFAULT.longest_open_s
        circuit = self.told.breaker._circuits.get(SITE)
        assert circuit is None or circuit.until <= is_over

    @invariant()
    def stays_small(self) -> None:
        for circuit in self.told.breaker._circuits.values():
            assert 0 <= circuit.usual <= 1
            assert circuit.granted <= DEFAULT.trials
            lists = (circuit.stamps, circuit.tried, circuit.aborted, circuit.failed)
            assert all(len(each) == DEFAULT.slots for each in lists)

    def teardown(self) -> None:
        """However ill a site was, it gets its tag back once its pages do well."""
        if self.told.state is not State.CLOSED:
            self.told.now += DEFAULT.longest_open_s + DEFAULT.patience_s
            for _ in range(DEFAULT.trials):
                if self.told.state is State.HALF_OPEN:
                    self.told.now += DEFAULT.patience_s
                    self.told.trial()
        assert self.told.state is State.CLOSED


TestAnyLife = AnyLife.TestCase
