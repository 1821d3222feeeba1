"""Finished days are rolled up beside the forwarder, and trouble with it stops nothing."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from statflow import rolling_up
from statflow.rolling_up import roll_up


async def test_it_builds_until_nothing_is_due_and_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    due, done, loop = [25], asyncio.Event(), asyncio.get_running_loop()
    calls: list[datetime] = []

    def build_due(_store: Any, now: datetime, most: int) -> int:
        calls.append(now)
        if len(calls) == 1:
            raise OSError("the store is away")
        built = min(due[0], most)
        due[0] -= built
        if not due[0]:
            loop.call_soon_threadsafe(done.set)
        return built

    monkeypatch.setattr(rolling_up, "build_due", build_due)
    monkeypatch.setattr(rolling_up, "PAUSE_S", 0.01)
    monkeypatch.setattr(rolling_up, "START_S", 0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(roll_up(None, stop))  # type: ignore[arg-type]
    await asyncio.wait_for(done.wait(), 20)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert len(calls) >= 4
    assert calls[0].tzinfo is UTC
    assert "could not be rolled up" in caplog.text
