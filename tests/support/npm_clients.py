"""Other trackers' published clients, and the library that our vitals are held to, as npm has them.

``make setup`` installs them (``python -m tests.support.npm_clients``); they are run unchanged. What
is made for bundlers is bundled by esbuild, as its users do.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

from tracker.build import TOOLS, install_tools
from tracker.npm import NpmError, install_packages, tool_command, unpack_package
from tracker.others import UMAMI, UMAMI_SCRIPT

CLIENTS = {
    "@plausible-analytics/tracker": "0.4.6",
    "plausible-tracker": "0.3.9",
    "@umami/node": "0.4.0",
    "web-vitals": "6.2.3",
}
FOLDER = Path(__file__).parents[2] / "build" / "npm" / "clients"
MODULES = FOLDER / "node_modules"


def install_clients() -> None:
    """Install the clients, unless they are there.

    Raises:
        NpmError: npm is missing or failed.
    """
    install_packages(FOLDER, CLIENTS)
    unpack_package(FOLDER, *UMAMI)


def umami_script() -> str:
    """Give Umami's own script for pages, as its application is published."""
    return (unpack_package(FOLDER, *UMAMI) / UMAMI_SCRIPT).read_text()


@cache
def bundle(package: str) -> str:
    """Give a package's code for browsers, as one ES module."""
    install_tools(TOOLS)
    command = [
        *tool_command("node"), str(TOOLS / "node_modules" / "esbuild" / "bin" / "esbuild"),
        "--bundle", "--format=esm",
    ]  # fmt: skip
    entry = (
        f"export * from '{package}'; import * as all from '{package}'; export default all.default"
    )
    done = subprocess.run(
        command, input=entry, cwd=FOLDER, check=True, capture_output=True, text=True
    )
    return done.stdout


def run_node(script: str) -> str:
    """Run an ES module that may import the clients; return what it printed."""
    command = [*tool_command("node"), "--input-type=module"]
    done = subprocess.run(
        command, input=script, cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


if __name__ == "__main__":
    try:
        install_clients()
    except NpmError as error:
        sys.exit(f"clients: {error}")
