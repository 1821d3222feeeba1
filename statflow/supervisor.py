"""Start parts in order, restart the ones that die, stop them in reverse.

A part is one child process with a way to tell whether it serves. This module knows nothing of what
the parts do; ``statflow.up`` lists them. The one invariant: at most one process of a part lives at
a time, and none outlives the supervisor.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 15.0
STEADY_S = 30.0
"""A part that lived this long starts again without delay."""


class State(StrEnum):
    """What a part is doing now."""

    WAITING = "waiting"
    STARTING = "starting"
    SERVING = "serving"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    DONE = "done"


class PartFailedError(Exception):
    """A part did not come up at the start; the message says which and what it last said."""


@dataclass(slots=True)
class Part:
    """One child process.

    ``once`` marks a task that is over when it ends with status 0, such as the demo's seeding; it is
    not waited for.
    """

    name: str
    command: Sequence[str]
    is_ready: Callable[[], Awaitable[bool]]
    port: int | None = None
    start_s: float = 60.0
    stop_s: float = 15.0
    once: bool = False
    pass_fds: tuple[int, ...] = ()
    own_output: bool = False
    """Writes to our standard output itself; its standard error is passed on as it is."""
    state: State = State.WAITING
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    last_words: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int | None:
        """The living process' id."""
        if self.process is None or self.process.returncode is not None:
            return None
        return self.process.pid


class Supervisor:
    """Keep a list of parts alive.

    ``on_change`` is called after every change of a part's state.
    """

    def __init__(self, parts: Sequence[Part], on_change: Callable[[Part], None]) -> None:
        self.parts = parts
        self._on_change = on_change
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Start every part, each once the one before it serves.

        Raises:
            PartFailedError: A part ended or did not serve in time.
        """
        for part in self.parts:
            await self.start_part(part)

    async def start_part(self, part: Part) -> None:
        """Start one part, wait until it serves, and watch it from then on.

        Raises:
            PartFailedError: It ended or did not serve in time.
        """
        await self._spawn(part)
        if not part.once and not await self._wait_ready(part):
            said = "\n  ".join(part.last_words[-8:]) or "(it said nothing)"
            raise PartFailedError(f"{part.name} did not start:\n  {said}")
        if not part.once:
            self._set(part, State.SERVING)
        self._watchers.append(asyncio.create_task(self._watch(part)))

    async def start_together(self) -> None:
        """Start all parts at once.

        Raises:
            PartFailedError: One of them ended or did not serve in time.
        """
        starting = [asyncio.create_task(self.start_part(part)) for part in self.parts]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)

    async def stop(self) -> None:
        """Stop every part in reverse order, each with its own patience, then by force."""
        await self._stop_watching()
        for part in reversed(self.parts):
            await self._stop_part(part)

    async def stop_together(self) -> None:
        """Stop all parts at once, each with its own patience, then by force."""
        await self._stop_watching()
        await asyncio.gather(*(self._stop_part(part) for part in self.parts))

    def signal(self, number: int, name: str = "") -> None:
        """Send a signal to every living part, or to the one of this name."""
        for part in self.parts:
            if part.pid is not None and name in {"", part.name}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(part.pid, number)

    async def _stop_watching(self) -> None:
        self._stopping.set()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _spawn(self, part: Part) -> None:
        self._set(part, State.RESTARTING if part.restarts else State.STARTING)
        part.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "statflow.launch",
            str(os.getpid()),
            *part.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None if part.own_output else asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if part.own_output else asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=part.pass_fds,
        )
        self._watchers.append(asyncio.create_task(_relay(part, part.process)))

    async def _wait_ready(self, part: Part) -> bool:
        deadline = time.monotonic() + part.start_s
        while time.monotonic() < deadline and part.pid is not None:
            if await part.is_ready():
                return True
            await asyncio.sleep(0.05)
        return False

    async def _watch(self, part: Part) -> None:
        backoff_s = FIRST_BACKOFF_S
        while part.process is not None:
            started = time.monotonic()
            status = await part.process.wait()
            if part.once and status == 0:
                self._set(part, State.DONE)
                return
            if time.monotonic() - started > STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            part.restarts += 1
            part.last_words.append(f"ended with status {status}")
            self._set(part, State.RESTARTING)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
            await self._spawn(part)
            if not part.once and await self._wait_ready(part):
                self._set(part, State.SERVING)

    async def _stop_part(self, part: Part) -> None:
        process = part.process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), part.stop_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        self._set(part, State.STOPPED)

    def _set(self, part: Part, state: State) -> None:
        part.state = state
        self._on_change(part)


async def _relay(part: Part, process: asyncio.subprocess.Process) -> None:
    """Print a part's output under its name and remember the last lines."""
    stream = process.stderr if part.own_output else process.stdout
    assert stream is not None
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        text = line.decode(errors="replace").rstrip()
        part.last_words = [*part.last_words[-19:], text]
        sys.stderr.write(f"{text}\n" if part.own_output else f"{part.name:>9} | {text}\n")
        sys.stderr.flush()
