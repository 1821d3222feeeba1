"""Build the tracker: ``python -m tracker.build [--check | --publish]``.

Lets ``tracker.npm`` install the pinned tools of ``package.json`` and runs ``build.mjs`` with them;
what that does and refuses is told there. Then the sizes in the README are written anew. Running
Statflow needs none of this: ``dist/`` is kept.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tracker.npm import NpmError, install_packages, tool_command
from tracker.others import measure_others, read_others

HERE = Path(__file__).parent
TOOLS = HERE.parent / "build" / "npm" / "tracker"
"""Where build.mjs looks for them, too."""
_OTHERS = TOOLS.with_name("others")
README = HERE.parent / "README.md"
_MARKS = ("<!-- sizes -->", "<!-- /sizes -->")


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
    done = subprocess.run(command, check=False)  # noqa: S603 - as above
    if not done.returncode and "--check" not in arguments:
        measure_others(TOOLS, _OTHERS)
        README.write_text(with_sizes(README.read_text()))
    return done.returncode


def with_sizes(page: str) -> str:
    """Put the table of the newest version's sizes between its marks."""
    before, _, rest = page.partition(_MARKS[0])
    return f"{before}{_MARKS[0]}\n{render_sizes()}\n{_MARKS[1]}{rest.partition(_MARKS[1])[2]}"


def render_sizes() -> str:
    """Write what the ledger says of the newest version, and what others measure, as a table."""
    versions = json.loads((HERE / "dist" / "versions.json").read_text())
    newest = max(versions, key=lambda version: [int(part) for part in version.split(".")])
    core = versions[newest]
    rows = [
        (f"core {newest}, everything on", core["cores"]["downloads+forms+hash"]),
        ("core as most sites get it: no routes in the fragment", core),
        ("core without downloads and forms too", core["cores"]["none"]),
        ("core in a snippet, everything on: whole addresses, with a key", core["snippet"]),
        ("rules by selector", core["selectors"]),
        *((f"module `{name}`", row) for name, row in core["modules"].items()),
        *((f"*{name} {row['version']}*", row) for name, row in sorted_others()),
    ]
    lines = [
        f"| {name} | {row['bytes']:,} | {row['gzip_bytes']:,} | {row['br_bytes']:,} |"
        for name, row in rows
    ]
    head = "| part | raw | gzip -9 | br |\n| --- | ---: | ---: | ---: |"
    return "\n".join([head, *lines])


def sorted_others() -> list[tuple[str, dict[str, Any]]]:
    """List what other products' scripts measure, the smallest first."""
    return sorted(read_others().items(), key=lambda row: row[1]["gzip_bytes"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
