"""Measure other products' scripts as npm has them, to stand beside ours in the README.

Each is bundled for browsers and minified by the tools that build ours. The figures are kept in
``others.json``, with the versions that were measured, so that reading them needs no network.
"""

import gzip
import json
import subprocess
from pathlib import Path

import brotli

from tracker.npm import install_packages, tool_command

OTHERS = {
    "@plausible-analytics/tracker": "0.4.6",
    "plausible-tracker": "0.3.9",
    "@openpanel/web": "1.4.1",
    "swetrix": "4.6.1",
    "ackee-tracker": "5.1.3",
    "posthog-js": "1.449.2",
}
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
    if {name: row["version"] for name, row in known.items()} == OTHERS:
        return
    install_packages(folder, OTHERS)
    rows = {
        name: {"version": version, **_measure(_bundle(name, tools, folder))}
        for name, version in OTHERS.items()
    }
    MEASURED.write_text(json.dumps(rows, indent=2) + "\n")


def read_others() -> dict[str, dict[str, str | int]]:
    """Give the figures of the last measurement, by package."""
    found: dict[str, dict[str, str | int]] = json.loads(MEASURED.read_text())
    return found


def _bundle(package: str, tools: Path, folder: Path) -> bytes:
    esbuild = str(tools / "node_modules" / "esbuild" / "bin" / "esbuild")
    command = [*tool_command("node"), esbuild, "--bundle", "--minify", "--format=iife"]
    # All that the package gives, so that nothing of it is shaken off.
    entry = f"import * as all from '{package}'; window.all = all"
    done = subprocess.run(  # noqa: S603 - fixed words
        [*command, "--global-name=other"],
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
