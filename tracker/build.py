"""Build the tracker: ``python -m tracker.build [--check | --publish]``.

Lets ``tracker.npm`` install the pinned tools of ``package.json`` and runs ``build.mjs`` with them;
what that does and refuses is told there. Running Statflow needs none of this: ``dist/`` is kept.
"""

import json
import subprocess
import sys
from pathlib import Path

from tracker.npm import NpmError, install_packages, tool_command

HERE = Path(__file__).parent
TOOLS = HERE.parent / "build" / "npm" / "tracker"
"""Where build.mjs looks for them, too."""


def install_tools(folder: Path) -> None:
    """Install the pinned tools, unless just these are there.

    Raises:
        NpmError: npm is missing or failed.
    """
    install_packages(folder, json.loads((HERE / "package.json").read_text())["devDependencies"])


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    try:
        install_tools(TOOLS)
        command = [*tool_command("node"), str(HERE / "build.mjs"), *arguments]
    except NpmError as error:
        print(f"tracker: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    return subprocess.run(command, check=False).returncode  # noqa: S603 - as above


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
