"""The npm package: typed, safe on a server, and its calls reach the tracker."""

import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

from edge.collector.typescript import render_definitions
from statflow.docs import DEFINITIONS
from tests.support.tracked_site import TrackedSite, leave, render_page
from tracker.build import TOOLS, install_tools
from tracker.npm import tool_command

PACKAGE = DEFINITIONS.parent
GOOD = """
import { load, track, type SignalProps, type WireBatch } from "statflow-tracker";
track("Signup");
track("Order", { props: { plan: "pro", seats: 3 }, revenue: { amount: "9.90", currency: "EUR" } });
load({ nonce: "abc" });
const batch: WireBatch = { v: 1, e: [{ n: "pageview", u: "https://shop.example/" }] };
const vital: SignalProps["$vital"] = { m: "LCP", v: 1200 };
export { batch, vital };
"""
BAD = """
import { track, type SignalProps, type WireEvent } from "statflow-tracker";
track(7);
track("Order", { props: { list: [1] } });
const event: WireEvent = { n: "pageview" };
const vital: SignalProps["$vital"] = { m: "FID", v: 1 };
export { event, vital };
"""


def check(folder: Path, source: str) -> str:
    """Let the compiler check a file that uses the package; return what it finds."""
    install_tools(TOOLS)
    (folder / "node_modules").mkdir(exist_ok=True)
    link = folder / "node_modules" / "statflow-tracker"
    if not link.exists():
        link.symlink_to(PACKAGE)
    (folder / "use.ts").write_text(source)
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", ""]
    compiler = TOOLS / "node_modules" / "typescript" / "bin" / "tsc"
    command = [*tool_command("node"), str(compiler), *options, "use.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_the_definitions_are_what_the_collectors_tables_say() -> None:
    """After a change: make docs."""
    assert DEFINITIONS.read_text() == render_definitions()


def test_right_calls_pass_the_compiler_and_wrong_ones_do_not(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert check(tmp_path, GOOD) == ""
    found = check(tmp_path, BAD)
    assert [line for line in (3, 4, 5, 6) if f"use.ts({line}," not in found] == []


def test_on_a_server_nothing_happens() -> None:
    script = f"""
        import {{ load, track }} from {json.dumps(str(PACKAGE / "index.js"))};
        track("Signup", {{ props: {{ plan: "pro" }} }});
        load();
        console.log("fine", typeof globalThis.window);
    """
    command = [*tool_command("node"), "--input-type=module"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("fine undefined\n", "")


@pytest.mark.browser
@pytest.mark.parametrize("is_injected", [True, False])
def test_calls_before_and_after_the_tracker_came_are_counted_once(
    tracked_site: TrackedSite, page: Page, is_injected: bool
) -> None:
    tracked_site.files["/statflow-tracker.js"] = (PACKAGE / "index.js").read_text()
    use = """<script type=module>
        import { load, track } from '/statflow-tracker.js';
        track('Early', {props: {n: 1}});
        load({src: '/sf/1a2b3c4d5e.js'}); load({src: '/sf/1a2b3c4d5e.js'});
        setTimeout(() => track('Late'), 400);
    </script>"""
    tag = {} if is_injected else {"tag": ""}
    tracked_site.pages["/"] = render_page(use, **tag)
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.named("Late"))
    leave(tracked_site, page)
    names = [event["n"] for event in tracked_site.events if event["n"] != "engagement"]
    assert names == ["pageview", "Early", "Late"]
    assert tracked_site.named("Early")[0]["p"] == {"n": 1}
