"""The direct front in hand on uvloop, as it runs, with a clock that can be moved on.

The conformance suite runs it on asyncio's own loop.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from edge.fronts.direct import DirectFront, front
from edge.fronts.operating import Operating
from tests.support.front_stack import FrontStack, Running, StackParts


@dataclass
class Direct:
    """A front whose time can be moved on from outside."""

    operating: Operating = field(default_factory=Operating)
    stack: FrontStack = field(init=False)
    front: DirectFront = field(init=False)
    offset_s: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.offset_s

    def move_on(self, to_s: float) -> None:
        """Set the clock, and wait until the sweep has seen it."""
        self.offset_s = to_s
        deadline = time.monotonic() + 5
        while self.front._desk.tick < time.monotonic() + to_s - 0.1:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    async def start(self, parts: StackParts) -> Running:
        self.front = DirectFront(
            sites=parts.sites,
            endpoints=parts.endpoints,  # type: ignore[arg-type]
            tag_for=parts.tag_for,
            trusted=parts.trusted,
            on_served=parts.on_served,
            operating=self.operating,
            upstream_authorities=parts.authorities,
            now=self.now,
        )
        return Running(await self.front.start("127.0.0.1", 0), 0, self.front.drain)


type Start = Callable[..., Direct]


@pytest.fixture
def start_direct(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Start]:
    monkeypatch.setattr(front, "_SWEEP_S", 0.03)
    monkeypatch.setattr(asyncio, "new_event_loop", uvloop.new_event_loop)
    with ExitStack() as stack:

        def start(operating: Operating | None = None, trusted: str = "") -> Direct:
            direct = Direct(operating or Operating())
            direct.stack = FrontStack(direct.start, tmp_path, trusted=trusted)
            direct.stack.start()
            stack.callback(direct.stack.stop)
            return direct

        yield start


@pytest.fixture
def direct(start_direct: Start) -> Direct:
    return start_direct()
