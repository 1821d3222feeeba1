import asyncio
from collections import Counter

from edge.buffer.lanes import NEVER, Call, Lane


async def a_call(
    n: int = 1, *, site_id: int = 7, due_at: float = 1.0, deadline: float = 9.0
) -> Call:
    done = asyncio.get_running_loop().create_future()
    return Call(site_id, [b"e"] * n, due_at, deadline, done)


async def test_a_lane_with_nothing_is_never_due() -> None:
    assert Lane(7, []).due_at(500) == NEVER
    assert Lane(7, []).load(500) is None


async def test_a_call_waits_for_its_linger_unless_the_group_is_full() -> None:
    lane = Lane(7, [])
    lane.add(await a_call(3))
    assert lane.due_at(4) == 1.0
    lane.add(await a_call(1))
    assert lane.due_at(4) == 0.0


async def test_a_group_takes_whole_calls_up_to_its_size() -> None:
    lane = Lane(7, [])
    for n in (3, 3, 3):
        lane.add(await a_call(n))
    group = lane.load(7)
    assert group is not None
    assert [len(call.events) for call in group.calls] == [3, 3]
    assert lane.waiting_events == 3


async def test_a_call_larger_than_a_group_is_never_split() -> None:
    lane = Lane(7, [])
    lane.add(await a_call(9))
    group = lane.load(4)
    assert group is not None
    assert len(group.calls) == 1


async def test_the_group_in_flight_is_sent_again_under_its_number() -> None:
    lane = Lane(7, [])
    lane.add(await a_call())
    first = lane.load(500)
    lane.add(await a_call())
    assert lane.load(500) is first
    lane.settle()
    second = lane.load(500)
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (1, 2)


async def test_a_group_that_was_given_up_keeps_its_number_and_its_drop_counts_but_no_events() -> (
    None
):
    lane = Lane(7, [])
    lane.counts = Counter({"7:dropped:dnt": 2, "7:received": 2})
    call = await a_call(3, deadline=5.0)
    lane.add(call)
    group = lane.load(500)
    assert group is not None
    assert group.arguments(60) == [
        *(1, 60, 3, "7:dropped:dnt", 2, "7:received", 5, "7:accepted", 3),
        *(b"e", b"e", b"e"),
    ]
    assert lane.give_up(4.9) == []
    assert lane.give_up(5.0) == [call]
    assert lane.load(500) is group
    assert group.arguments(60) == [1, 60, 2, "7:dropped:dnt", 2, "7:received", 2]


async def test_calls_behind_the_group_are_given_up_at_their_own_deadlines() -> None:
    lane = Lane(7, [])
    lane.add(await a_call(deadline=5.0))
    lane.load(500)
    early, late = await a_call(2, deadline=6.0), await a_call(1, deadline=7.0)
    lane.add(early)
    lane.add(late)
    assert lane.give_up(6.5)[1:] == [early]
    assert list(lane.waiting) == [late]
    assert lane.waiting_events == 1
