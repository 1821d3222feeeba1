"""Install the portal's third-party files: ``python -m portal.install_assets FOLDER``.

npm fetches the pinned packages of ``assets.json`` into FOLDER (``tracker.npm``); the files that
pages load are copied to ``static/vendor``, which is not kept in version control. The portal also
works without these files, with tables instead of charts.
"""

import json
import shutil
import sys
from pathlib import Path

from tracker.npm import NpmError, install_packages

HERE = Path(__file__).parent
VENDOR = HERE / "static" / "vendor"


def install(folder: Path) -> list[Path]:
    """Fetch the pinned packages into a folder and copy what pages load; return the copies.

    Raises:
        NpmError: npm is missing or failed.
    """
    wanted = json.loads((HERE / "assets.json").read_text())
    install_packages(folder, wanted["packages"])
    VENDOR.mkdir(parents=True, exist_ok=True)
    modules = folder / "node_modules"
    return [
        Path(shutil.copyfile(modules / source, VENDOR / name))
        for name, source in wanted["files"].items()
    ]


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    try:
        copies = install(Path(arguments[0] if arguments else "build/npm"))
    except NpmError as error:
        print(f"statflow: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    for copy in copies:
        print(f"{copy.name}: {copy.stat().st_size // 1024} KiB")  # noqa: T201 - a command's own output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
