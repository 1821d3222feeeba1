"""The mitmproxy front in hand, with a clock that can be moved on."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.fronts import mitm
from edge.fronts.mitm import MitmFront
from tests.support.front_stack import FrontStack, Running, StackParts


@dataclass
class Movable:
    """A front whose time can be moved on from outside."""

    stack: FrontStack = field(init=False)
    front: MitmFront = field(init=False)
    offset_s: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.offset_s

    async def start(self, parts: StackParts) -> Running:
        self.front = MitmFront(
            sites=parts.sites,
            endpoints=parts.endpoints,  # type: ignore[arg-type]
            tag_for=parts.tag_for,
            trusted=parts.trusted,
            on_served=parts.on_served,
            tls_dir=parts.tls_dir,
            upstream_authorities=parts.authorities,
        )
        self.front.now = self.now  # type: ignore[method-assign]
        port = await self.front.start("127.0.0.1", 0)
        return Running(port, await self.front.start_tls("127.0.0.1", 0), self.front.drain)


@pytest.fixture
def movable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Movable]:
    monkeypatch.setattr(mitm, "_SWEEP_S", 0.05)
    movable = Movable()
    movable.stack = FrontStack(movable.start, tmp_path)
    movable.stack.start()
    yield movable
    movable.stack.stop()
