"""Handles that wait: one request at a time, and nothing that went wrong comes back."""

import pytest

from store.embedded_handles import IdleHandles


class Handle:
    """Remembers for whom it was made ready, and whether it is closed."""

    def __init__(self) -> None:
        self.ready_for: list[str] = []
        self.closed = False

    def close(self) -> None:
        self.closed = True


def lend(handles: IdleHandles, alike: str | None) -> Handle:
    with handles.lend(alike, lambda handle: handle.ready_for.append(str(alike))) as handle:
        assert isinstance(handle, Handle)
        return handle


def test_the_next_request_alike_has_it_ready() -> None:
    handles = IdleHandles(Handle, 2)
    first = lend(handles, "a")
    assert lend(handles, "a") is first
    assert first.ready_for == ["a"]
    assert lend(handles, "b") is not first


def test_two_at_once_have_one_each() -> None:
    handles = IdleHandles(Handle, 2)
    with handles.lend("a", lambda _: None) as first, handles.lend("a", lambda _: None) as second:
        assert first is not second


def test_what_is_like_nothing_is_closed() -> None:
    handles = IdleHandles(Handle, 2)
    first = lend(handles, None)
    assert first.closed
    assert lend(handles, None) is not first


def test_what_failed_does_not_come_back() -> None:
    handles = IdleHandles(Handle, 2)
    first = lend(handles, "a")
    with pytest.raises(ZeroDivisionError), handles.lend("a", lambda _: None) as handle:
        assert 1 / 0 or handle
    assert first.closed
    assert lend(handles, "a") is not first


def test_the_longest_unused_is_given_up() -> None:
    handles = IdleHandles(Handle, 2)
    made = [lend(handles, name) for name in "abc"]
    assert [handle.closed for handle in made] == [True, False, False]
    handles.close()
    assert all(handle.closed for handle in made)
