from collections.abc import Mapping
from typing import Any

import pytest

from store.client import Store, StoreError, StoreUnavailable
from store.query.remembered import Answers, Remembering
from tests.store.test_client import some_events

COUNT = "select count() from events where site_id = {site:UInt32}"


class Counting:
    """A store of one table; tells how often it was really asked."""

    cluster = ""

    def __init__(self) -> None:
        self.version = 1
        self.asked: list[str] = []

    def query(
        self, sql: str, params: Mapping[str, Any] | None = None, **_: Any
    ) -> list[tuple[Any, ...]]:
        if "system.parts" in sql:
            return [(self.version, 1)]
        self.asked.append(sql)
        return [(sql, str(params), self.version)]


def test_the_same_question_is_asked_once_for_each_version_of_the_data() -> None:
    store, answers = Counting(), Answers(fresh_s=0)
    for _ in range(3):
        assert Remembering(store, answers).query("a", {"site": 1}) == [("a", "{'site': 1}", 1)]
    assert store.asked == ["a"]
    store.version = 2
    assert Remembering(store, answers).query("a", {"site": 1})[0][2] == 2
    assert store.asked == ["a", "a"]


def test_the_version_is_asked_for_once_a_second_by_all_requests_together() -> None:
    now = [100.0]
    store, answers = Counting(), Answers(fresh_s=1, clock=lambda: now[0])
    assert Remembering(store, answers).query("a")[0][2] == 1
    store.version = 2
    now[0] += 0.9
    assert Remembering(store, answers).query("a")[0][2] == 1
    now[0] += 0.2
    assert Remembering(store, answers).query("a")[0][2] == 2
    assert store.asked == ["a", "a"]


def test_a_request_sees_one_version_however_long_it_takes() -> None:
    store, answers = Counting(), Answers(fresh_s=0)
    asking = Remembering(store, answers)
    asking.query("a")
    store.version = 2
    assert asking.query("a")[0][2] == 1


def test_another_parameter_is_another_question() -> None:
    store, answers = Counting(), Answers(fresh_s=0)
    ones = Remembering(store, answers).query("a", {"site": 1, "names": ["x", "y"]})
    others = Remembering(store, answers).query("a", {"site": 1, "names": ["x,y"]})
    assert ones != others
    assert Remembering(store, answers).query("a") != ones


def test_who_changes_an_answer_changes_nobody_elses() -> None:
    store, answers = Counting(), Answers(fresh_s=0)
    Remembering(store, answers).query("a").clear()
    assert len(Remembering(store, answers).query("a")) == 1


def test_the_least_used_is_forgotten_and_what_is_too_large_is_never_kept() -> None:
    store, answers = Counting(), Answers(cells=8, fresh_s=0)
    for sql in ("a", "b", "a", "c", "a", "b"):
        Remembering(store, answers).query(sql)
    assert store.asked == ["a", "b", "c", "b"]
    answers.keep(("large",), [(1,) * 8])
    assert answers.find(("large",)) is None


def test_errors_are_not_remembered_and_without_a_version_nothing_is() -> None:
    store, answers = Refusing(), Answers(fresh_s=0)
    with pytest.raises(StoreUnavailable):
        Remembering(store, answers).query("a")
    store.away = False
    for _ in range(2):
        assert Remembering(store, answers).query("a") == [(1,)]
    assert store.asked == 2


class Refusing:
    """A server that shows nobody its parts; at first it is away."""

    cluster = ""
    away = True
    asked = 0

    def query(self, sql: str, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        if self.away:
            raise StoreUnavailable("away")
        if "system.parts" in sql:
            raise StoreError(497, "no right to system.parts")
        self.asked += 1
        return [(1,)]


def test_every_insert_and_erasure_of_a_real_store_is_seen_at_once(store: Store) -> None:
    answers, params = Answers(fresh_s=0), {"site": 131}
    for expected in (3, 6):
        store.insert("events", some_events(131), token=f"remembered-{expected}")
        for _ in range(2):
            assert Remembering(store, answers).query(COUNT, params) == [(expected,)]
    store.command(f"delete from events where site_id = {131}")
    assert Remembering(store, answers).query(COUNT, params) == [(0,)]
