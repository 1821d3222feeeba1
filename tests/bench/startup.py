"""What the tracker's start costs the main thread of a phone four times slower than this machine.

Each round opens a page in a fresh profile, so that nothing is compiled already, and reads the
browser's own trace. What counts is the processor time of the thread, four times: waiting, and what
other processes of a busy machine take away, is not ours. The browser's own slowing-down is left
alone, because it spins by the clock: on a busy machine it added from nothing to twenty milliseconds
to the same work. Nor is the collector of garbage ours, which a page of many nodes has run in whatever
script comes next. What others do to the processor's caches still counts, so a verdict takes a quiet
machine; the load is printed.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page

from statflow.output import print_table
from tests.bench.report import say
from tests.support.chromium import launch_chromium
from tests.support.tracked_site import TrackedSite, render_page, serve_tracked_site

MOST_MS = 5.0
FACTOR = 4
_EVERY = ["clicks", "scroll", "vitals", "errors", "forms"]
_BODY = "<main><button id=it>b</button><form name=f><input name=a></form></main>"
_HUGE = (
    "<script>document.write('<div class=row>' + '<p><b>x</b><i>y</i></p>'.repeat(16500) + '</div>')"
    "</script>"
)
_PAGES: dict[str, tuple[list[str], str]] = {
    "core": ([], _BODY),
    "core and every module": (_EVERY, _BODY),
    "the same, 50,000 nodes": (_EVERY, _BODY + _HUGE),
}
_CATEGORIES = (
    "devtools.timeline,disabled-by-default-devtools.timeline,disabled-by-default-v8.gc,v8,v8.execute"
)
_TASKS = frozenset({"RunTask", "ThreadControllerImpl::RunTask"})
_COLLECTOR = frozenset({"V8.GCHandleGCRequest", "MajorGC", "MinorGC"})


@dataclass(frozen=True, slots=True)
class Task:
    """The longest task of one start: ours of its main thread's time, and by the clock, in ms."""

    spent_ms: float
    wall_ms: float
    what: str


def longest_task(events: Sequence[dict[str, Any]]) -> Task:
    """Find the task in which our scripts took the most of their thread's processor time.

    Raises:
        ValueError: The trace shows nothing of ours.
    """
    found = [
        Task(
            (sum(event["tdur"] for event in ours) - _collected(events, ours)) / 1_000,
            sum(event["dur"] for event in ours) / 1_000,
            ", ".join(dict.fromkeys(event["name"] for event in ours)),
        )
        for ours in _by_task(events)
    ]
    if not found:
        raise ValueError("the trace shows nothing of ours")
    return max(found, key=lambda task: task.spent_ms)


def _by_task(events: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Give, for each task, the outermost pieces of it that are ours."""
    whole = [event for event in events if event.get("ph") == "X" and "tdur" in event]
    whole.sort(key=lambda event: (event["pid"], event["tid"], event["ts"], -event["dur"]))
    task: dict[str, Any] | None = None
    ours: list[dict[str, Any]] = []
    for event in whole:
        if event["name"] in _TASKS and not (task and _is_within(event, task)):
            if ours:
                yield ours
            task, ours = event, []
        elif _is_ours(event) and not any(_is_within(event, other) for other in ours):
            if ours and not (task and _is_within(event, task)):
                yield ours
                task, ours = None, []
            ours.append(event)
    if ours:
        yield ours


def _collected(events: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]) -> int:
    """Tell how long the collector of garbage ran inside of ours, in microseconds."""
    runs = [
        event
        for event in events
        if event["name"] in _COLLECTOR
        and "tdur" in event
        and any(_is_within(event, piece) for piece in ours)
    ]
    outer = [
        run for run in runs if not any(run is not of and _is_within(run, of) for of in runs)
    ]
    return sum(run["tdur"] for run in outer)


def _is_ours(event: dict[str, Any]) -> bool:
    data = event.get("args", {}).get("data") or event.get("args", {})
    return "/sf/" in str(data.get("url", "")) or "/sf/" in str(data.get("fileName", ""))


def _is_within(event: dict[str, Any], other: dict[str, Any]) -> bool:
    same = (event["pid"], event["tid"]) == (other["pid"], other["tid"])
    ends, others_end = event["ts"] + event["dur"], other["ts"] + other["dur"]
    return bool(same and other["ts"] <= event["ts"] and ends <= others_end)


def start_once(browser: Browser, site: TrackedSite) -> Task:
    """Open the site as somebody new."""
    context = browser.new_context()
    try:
        return longest_task(_traced(context.new_page(), site))
    finally:
        context.close()


def _traced(page: Page, site: TrackedSite) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    done: list[bool] = []
    # A request costs several times more while a test driver listens to the network.
    page.add_init_script("window.fetch = () => Promise.resolve({status: 202})")
    # The renderer that serves the site is there before what is measured begins.
    page.goto(site.origin + "/b")
    page.goto("about:blank")
    cdp = page.context.new_cdp_session(page)
    cdp.on("Tracing.dataCollected", lambda found: events.extend(found["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: done.append(True))
    cdp.send("Tracing.start", {"categories": _CATEGORIES, "transferMode": "ReportEvents"})
    page.goto(site.origin)
    wanted = 15 if site.modules else 1
    page.wait_for_function(f"window.statflow && statflow.r.length >= {wanted}", timeout=60_000)
    page.wait_for_timeout(500)
    cdp.send("Tracing.end")
    site.wait_for(page, lambda: done)
    return events


def measure(rounds: int) -> dict[str, list[Task]]:
    """Start the tracker some times on each kind of page."""
    found: dict[str, list[Task]] = {}
    with launch_chromium() as chromium, chromium.active() as browser:
        for name, (modules, body) in _PAGES.items():
            with serve_tracked_site() as site:
                site.modules = modules
                site.pages["/"] = render_page(body)
                site.pages["/b"] = "<!doctype html><title>b</title>"
                for number in range(rounds):
                    say(f"{name}: {number + 1} of {rounds}")
                    found.setdefault(name, []).append(start_once(browser, site))
    return found


def main() -> int:
    """Measure, print, and tell by the status whether the budget is held in the median."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    found = measure(parser.parse_args().rounds)
    say("")
    head = [
        "page",
        "CPU ms, least",
        "median",
        "most",
        f"{FACTOR} times",
        "clock ms",
        "longest task is",
    ]
    lines = [
        [
            name,
            f"{min(t.spent_ms for t in tasks):.2f}",
            f"{median(t.spent_ms for t in tasks):.2f}",
            f"{max(t.spent_ms for t in tasks):.2f}",
            f"{FACTOR * median(t.spent_ms for t in tasks):.1f}",
            f"{median(t.wall_ms for t in tasks):.2f}",
            tasks[0].what,
        ]
        for name, tasks in found.items()
    ]
    print_table([head, *lines])
    over = [
        name
        for name, tasks in found.items()
        if FACTOR * median(t.spent_ms for t in tasks) > MOST_MS
    ]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"budget {MOST_MS:.0f} ms a task; load of this machine {load}")  # noqa: T201 - a bench prints
    for name in over:
        print(f"over the budget: {name}")  # noqa: T201 - likewise
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
