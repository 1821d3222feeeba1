"""Let Lighthouse look at the demo's overview: ``python -m tests.screenshots.lighthouse``.

Starts the demo, waits until its 90 days are there, signs in, and runs Lighthouse with the system's
Chromium as a desktop and as a phone. Writes ``build/lighthouse/*.json``, and ends with status 1
below the budget. Performance is a matter of the machine too: beside other work it says nothing.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.screenshots.take import SITE, START_S, signed_in, wait_for_the_past
from tests.support.chromium import CHROMIUM, launch_chromium
from tests.support.stack import Stack
from tracker.npm import install_packages, tool_command

PACKAGES = {"lighthouse": "12.8.2"}
INSTALLED = Path("build/npm/lighthouse")
REPORTS = Path("build/lighthouse")
BUDGET = 0.95
KINDS = {"desktop": ["--preset=desktop"], "phone": []}
_CATEGORIES = "performance,accessibility,best-practices"
_CHROME = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
_FIGURES = ("largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")


def main() -> int:
    """Run from the command line."""
    install_packages(INSTALLED, PACKAGES)
    REPORTS.mkdir(parents=True, exist_ok=True)
    stack = Stack("--demo")
    try:
        stack.start(START_S)
        portal = stack.run_json["urls"]["portal"]
        cookie = _cookie_of(portal, stack.run_json["login"])
        found = {kind: _look(portal + SITE, cookie, kind) for kind in KINDS}
    finally:
        stack.stop()
        shutil.rmtree(stack.folder, ignore_errors=True)
    return 0 if min(min(scores.values()) for scores in found.values()) >= BUDGET else 1


def _cookie_of(portal: str, login: dict[str, str]) -> str:
    """Sign in as a browser does, once the demo's days have come."""
    with (
        launch_chromium() as chromium,
        chromium.active() as browser,
        signed_in(browser, portal, login, {}) as page,
    ):
        wait_for_the_past(page)
        pairs = [(cookie["name"], cookie["value"]) for cookie in page.context.cookies()]
    return "; ".join(f"{name}={value}" for name, value in pairs)


def _look(url: str, cookie: str, kind: str) -> dict[str, float]:
    """Run Lighthouse once, and print what it found."""
    file = REPORTS / f"{kind}.json"
    program = INSTALLED / "node_modules" / "lighthouse" / "cli" / "index.js"
    asked = ["--quiet", "--output=json", f"--output-path={file}", f"--chrome-flags={_CHROME}"]
    asked += [f"--only-categories={_CATEGORIES}", *KINDS[kind]]
    asked += [f"--extra-headers={json.dumps({'Cookie': cookie})}"]
    environment = os.environ | {"CHROME_PATH": str(CHROMIUM)}
    command = [*tool_command("node"), str(program), url, *asked]
    subprocess.run(command, check=True, env=environment, timeout=300)
    report: dict[str, Any] = json.loads(file.read_text())
    scores = {name: float(part["score"]) for name, part in report["categories"].items()}
    audits = report["audits"]
    shown = [f"{name} {audits[name]['displayValue']}" for name in _FIGURES]
    sizes = [
        (item["url"], item["transferSize"])
        for item in audits["network-requests"]["details"]["items"]
    ]
    rest = sum(size for url, size in sizes if "echarts" not in url) / 1024
    print(kind, scores, *shown, f"{rest:.0f} KiB without the chart library", sep="\n  ")  # noqa: T201 - a command's own output
    return scores


if __name__ == "__main__":
    sys.exit(main())
