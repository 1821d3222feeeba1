"""Who may switch a page's tag off, and that the newest word counts."""

import logging
from ipaddress import ip_address

import pytest
from prometheus_client import REGISTRY

from edge.fronts.breaker import State
from edge.fronts.canary import is_path_inside, is_visitor_inside
from edge.fronts.control import Control, Late
from edge.inject import stance
from edge.inject.decide import SkipReason
from edge.inject.stance import Stance
from edge.inject.tag import Headers
from edge.sites import Site, Snapshot
from tests.support.factories import a_site

WALL_S = 1_767_225_600.0
AGENT: Headers = [(b"User-Agent", b"Firefox")]
ADDRESSES = [ip_address(0x0A000000 + n) for n in range(100)]
PATHS = [b"/%d" % n for n in range(100)]
PRIVATE: Headers = [(b"Cache-Control", b"private")]


class Desk:
    """A control with its snapshot and its clock in hand."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.injection = True
        self.at = 500.0
        self.control = Control(self.snapshot, now=lambda: self.at, wall=lambda: WALL_S)

    def snapshot(self) -> Snapshot:
        return Snapshot(1, (self.site,), self.injection)

    def permit(self, target: bytes = b"/") -> tuple[Stance, Late | None]:
        return self.control.permit(self.site, target, AGENT, None)

    def fail(self, times: int = 5) -> None:
        for _ in range(times):
            self.control.record_tried(self.site.id, failed=True, aborted=False, late=None)


@pytest.mark.parametrize(
    ("mode", "expected"), [("on", stance.TAGS), ("shadow", stance.SHADOW), ("off", stance.OFF)]
)
def test_a_mode_decides_at_once(mode: str, expected: Stance) -> None:
    assert Desk(a_site(mode=mode)).permit() == (expected, None)


@pytest.mark.parametrize("mode", ["on", "shadow", "canary"])
def test_the_kill_switch_stands_over_all_modes_for_as_long_as_it_is_thrown(mode: str) -> None:
    desk = Desk(a_site(mode=mode))
    desk.injection = False
    assert desk.permit() == (stance.KILLED, None)
    desk.injection = True
    assert desk.permit() != (stance.KILLED, None)


def test_a_canary_goes_by_path_unless_the_answer_is_for_one_visitor() -> None:
    site = a_site(mode="canary", canary_percent=50)
    control = Control(wall=lambda: WALL_S)
    kinds = set()
    for address, path in zip(ADDRESSES, PATHS, strict=True):
        by_path = is_path_inside(site, path)
        by_visitor = is_visitor_inside(site, address, b"Firefox", WALL_S)
        kinds.add((by_path, by_visitor))
        now, late = control.permit(site, path, AGENT, address)
        if by_path is by_visitor:
            assert now is (stance.TAGS if by_path else stance.OUTSIDE_CANARY)
            continue
        assert late is not None
        assert now.may_tag
        assert not now.confirms
        assert (late([]) is None) is by_path
        assert (late(PRIVATE) is None) is by_visitor
        assert SkipReason.CANARY in {late([]), late(PRIVATE)}
    assert len(kinds) == 4


def test_without_an_address_a_canary_goes_by_path() -> None:
    site = a_site(mode="canary", canary_percent=50)
    stances = {Control().permit(site, path, AGENT, None)[0] for path in PATHS}
    assert stances == {stance.TAGS, stance.OUTSIDE_CANARY}


@pytest.mark.parametrize("mode", ["on", "shadow"])
def test_an_open_breaker_stops_a_site_and_lets_few_pages_try(mode: str) -> None:
    desk = Desk(a_site(mode=mode))
    desk.fail()
    assert desk.permit() == (stance.BROKEN, None)
    desk.at += 30
    answers = []
    for _ in range(12):
        now, late = desk.permit()
        assert late is not None
        assert now.shadow is (mode == "shadow")
        answers.append((late, late([])))
    assert [answer for _, answer in answers] == [None] * 10 + [SkipReason.BREAKER] * 2
    for late, _ in answers:
        desk.control.record_tried(desk.site.id, failed=False, aborted=False, late=late)
    assert desk.permit()[1] is None


def test_a_page_asked_for_before_the_breaker_opened_again_goes_without() -> None:
    desk = Desk(a_site())
    desk.fail()
    desk.at += 30
    _, first = desk.permit()
    _, second = desk.permit()
    assert first is not None
    assert second is not None
    assert first([]) is None
    desk.control.record_tried(desk.site.id, failed=True, aborted=False, late=first)
    assert second([]) is SkipReason.BREAKER


def test_a_breaker_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    desk = Desk(a_site(id=4711))
    labels = {"site": "4711"}
    desk.fail(9)
    assert REGISTRY.get_sample_value("statflow_breaker_state", labels) == 2
    desk.at += 30
    assert desk.control.state(4711) is State.HALF_OPEN
    assert REGISTRY.get_sample_value("statflow_breaker_state", labels) == 1
    for _ in range(10):
        late = desk.permit()[1]
        assert late is not None
        late([])
        desk.control.record_tried(4711, failed=False, aborted=False, late=late)
    assert REGISTRY.get_sample_value("statflow_breaker_state", labels) == 0
    assert REGISTRY.get_sample_value("statflow_breaker_opened_total", labels) == 1
    assert [record.message for record in caplog.records] == [
        "site 4711: injection is off for 30 s: its pages fail or are aborted more than others",
        "site 4711: injection is on again",
    ]


@pytest.mark.parametrize(
    ("debug", "site", "sent", "explains"),
    [
        (False, {}, b"", False),
        (True, {}, b"", True),
        (False, {"debug": True}, b"", True),
        (False, {"debug_key": "k"}, b"", False),
        (False, {"debug_key": "k"}, b"x", False),
        (False, {"debug_key": "k"}, b"k", True),
        (False, {}, b"k", False),
    ],
)
def test_only_who_may_know_is_told(
    debug: bool, site: dict[str, object], sent: bytes, explains: bool
) -> None:
    control = Control(debug=debug)
    headers = [(b"X-Statflow-Debug", sent)] if sent else []
    assert control.explains(a_site(**site), headers) is explains


def test_a_rule_keeps_the_script_out_of_its_pages_only() -> None:
    rule = {"id": "r", "kind": "inject", "action": "exclude", "paths": ["/private/**"]}
    site = a_site(rules=[rule])
    assert Control().permit(site, b"/private/x?y", (), None)[0].reason is SkipReason.RULE
    assert Control().permit(site, b"/privates", (), None)[0].reason is None
