from pathlib import Path

import pytest

from edge.buffer.spool import PEEK_EVENTS, PEEK_GROUPS, Spool, SpooledGroup, read_records

LIMIT = 64 * 1024 * 1024


def a_group(number: int = 1, *, shard: int = 7, producer: str = "p1") -> SpooledGroup:
    return SpooledGroup(shard, producer, number, {"7:received": 2}, [b"\x00\xff", b"%d" % number])


def opened(folder: Path, producer: str = "p1", limit: int = LIMIT) -> Spool:
    spool = Spool(folder, producer, limit)
    spool.open()
    return spool


def drained(spool: Spool) -> list[SpooledGroup]:
    found: list[SpooledGroup] = []
    while groups := spool.peek():
        found += groups
        spool.sent(len(groups))
    return found


def test_groups_come_back_in_their_order_and_leave_no_file(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    groups = [a_group(i) for i in range(1, 30)]
    for group in groups:
        spool.write([group])
    assert spool.bytes > 0
    assert drained(spool) == groups
    assert spool.empty
    assert spool.bytes == 0
    assert not list(tmp_path.rglob("*.spool"))


def test_the_oldest_are_handed_out_first_and_not_too_many_at_once(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    groups = [a_group(i // 2 + 1, shard=7 + i % 2) for i in range(PEEK_GROUPS + 20)]
    spool.write(groups)
    assert spool.peek() == groups[:PEEK_GROUPS]
    spool.sent(3)
    assert spool.peek() == groups[3 : PEEK_GROUPS + 3]
    spool.sent(PEEK_GROUPS)
    large = SpooledGroup(7, "p1", 400, {}, [b"e"] * (PEEK_EVENTS + 1))
    spool.write([large, a_group(401)])
    assert spool.peek() == groups[PEEK_GROUPS + 3 :]
    spool.sent(17)
    assert spool.peek() == [large]


def test_what_is_written_while_others_are_sent_comes_behind_them(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.write([a_group(1)])
    assert spool.peek() == [a_group(1)]
    spool.write([a_group(2)])
    spool.sent(1)
    spool.write([a_group(3)])
    assert drained(spool) == [a_group(2), a_group(3)]


def test_the_folder_of_a_dead_process_is_taken_over_and_removed(tmp_path: Path) -> None:
    dead = opened(tmp_path, "dead")
    dead.write([a_group(1, producer="dead")])
    alive = opened(tmp_path, "alive")
    assert alive.empty
    dead.close()
    alive.adopt()
    assert drained(alive) == [a_group(1, producer="dead")]
    assert [entry.name for entry in tmp_path.iterdir()] == ["alive"]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_end_costs_what_was_never_acknowledged_and_nothing_else(
    tmp_path: Path, cut: int
) -> None:
    dead = opened(tmp_path, "dead")
    dead.write([a_group(1), a_group(2)])
    dead.close()
    path = next(tmp_path.rglob("*.spool"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert drained(opened(tmp_path)) == [a_group(1)]


def test_a_damaged_record_does_not_hide_those_behind_it() -> None:
    first, second = a_group(1).render(), a_group(2).render()
    raw = first[:-1] + bytes([first[-1] ^ 1]) + second
    assert read_records(raw) == ([a_group(2)], len(first))


def test_past_its_limit_it_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit=len(a_group().render()))
    spool.write([a_group(1)])
    with pytest.raises(OSError, match="full"):
        spool.write([a_group(2)])
    assert drained(spool) == [a_group(1)]
    spool.write([a_group(3)])


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    spool = opened(tmp_path / "spool")
    spool.write([a_group()])
    for path in (tmp_path / "spool").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
