"""Measure other products' scripts as npm has them, to stand beside ours in the README.

Each is bundled for browsers and minified by the tools that build ours. The figures are kept in
``others.json``, with the versions that were measured, so that reading them needs no network.
"""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import brotli

from tracker.npm import install_packages, tool_command, unpack_package

OTHERS = {
    "@plausible-analytics/tracker": "0.4.6",
    "plausible-tracker": "0.3.9",
    "@openpanel/web": "1.4.1",
    "swetrix": "4.6.1",
    "ackee-tracker": "5.1.3",
    "posthog-js": "1.449.2",
}
UMAMI = ("umami", "2.10.0")
"""The application, of which only the script for pages is taken."""
UMAMI_SCRIPT = "src/tracker/index.js"
MEASURED = Path(__file__).with_name("others.json")


def measure_others(tools: Path, folder: Path) -> None:
    """Install and measure what is not measured yet in its pinned version.

    Args:
        tools: Where esbuild is.
        folder: Where the packages go.

    Raises:
        NpmError: npm is missing or failed.
    """
    known = read_others()
    wanted = {**OTHERS, UMAMI[0]: UMAMI[1]}
    if {name: row["version"] for name, row in known.items()} == wanted:
        return
    install_packages(folder, OTHERS)
    script = unpack_package(folder, *UMAMI) / UMAMI_SCRIPT
    # All that a package gives, so that nothing of it is shaken off.
    entries = {name: f"import * as all from '{name}'; window.all = all" for name in OTHERS}
    entries[UMAMI[0]] = f"import {json.dumps(str(script))}"
    rows = {
        name: {"version": wanted[name], **_measure(_bundle(entry, tools, folder))}
        for name, entry in entries.items()
    }
    MEASURED.write_text(json.dumps(rows, indent=2) + "\n")


def read_others() -> dict[str, dict[str, Any]]:
    """Give the figures of the last measurement, by package."""
    found: dict[str, dict[str, Any]] = json.loads(MEASURED.read_text())
    return found


def _bundle(entry: str, tools: Path, folder: Path) -> bytes:
    esbuild = str(tools / "node_modules" / "esbuild" / "bin" / "esbuild")
    command = [*tool_command("node"), esbuild, "--bundle", "--minify", "--format=iife"]
    done = subprocess.run(  # noqa: S603 - fixed words
        command,
        input=entry.encode(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return done.stdout


def _measure(code: bytes) -> dict[str, int]:
    return {
        "bytes": len(code),
        "gzip_bytes": len(gzip.compress(code, 9, mtime=0)),
        "br_bytes": len(brotli.compress(code, mode=brotli.MODE_TEXT)),
    }
