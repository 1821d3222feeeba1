"""Make a release: ``python -m tools.release VERSION``; docs/releasing.md tells the steps around it.

Wheel and source archive are built twice, from two clean copies of the commit, with the commit's
time in place of the clock's. The one invariant: the tag is made last, and only of a commit whose
two builds are the same bytes.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
VENDOR = Path("portal", "static", "vendor")
"""Third-party files of the portal: not in the tree, but in a wheel that is to draw charts."""


class ReleaseError(Exception):
    """The release cannot be made; the message says why."""


def check_version(version: str, tags: Iterable[str]) -> None:
    """Refuse a version that is none, or not above every tag.

    Raises:
        ReleaseError: It is.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise ReleaseError(f"{version!r} is no version, such as 1.4.0") from None
    if str(wanted) != version or wanted.is_devrelease or wanted.local:
        raise ReleaseError(f"write the version as {wanted.public}, without a local part")
    newest = max((Version(tag.removeprefix("v")) for tag in tags), default=None)
    if newest is not None and wanted <= newest:
        raise ReleaseError(f"{version} is not above the last release, {newest}")


def check_changelog(text: str, version: str) -> None:
    """Refuse a changelog without a section, with lines, of the version.

    Raises:
        ReleaseError: It has none.
    """
    heading = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$"
    section = re.search(rf"{heading}(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if section is None or "\n- " not in section[1]:
        raise ReleaseError(f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)' with lines")


def check_tree(root: Path) -> None:
    """Refuse a tree that is not its commit.

    Raises:
        ReleaseError: Files are changed, or new and not ignored.
    """
    if changed := _git(root, "status", "--porcelain"):
        raise ReleaseError(f"the tree is not clean:\n{changed}")


def build(root: Path, version: str, folder: Path) -> list[Path]:
    """Build wheel and source archive of the commit at hand into a folder; returns the two."""
    environment = {
        "PATH": os.environ["PATH"],
        "SETUPTOOLS_SCM_PRETEND_VERSION": version,
        "SOURCE_DATE_EPOCH": _git(root, "log", "-1", "--format=%ct"),
    }
    with tempfile.TemporaryDirectory(prefix="statflow-release-") as place:
        copy = Path(place)
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=root, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", copy], input=archive.stdout, check=True)
        if (root / VENDOR).is_dir():
            shutil.copytree(root / VENDOR, copy / VENDOR)
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
        subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, check=True)
    return sorted(folder.iterdir())


def bill_of_materials(root: Path, version: str) -> dict[str, Any]:
    """List what is installed with a release: locked Python packages, and the portal's from npm.

    Shapes: a document of CycloneDX 1.6.
    """
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [program, "requirements", "requirements.lock"]
    options = ["--pyproject", "pyproject.toml", "--mc-type", "application", "--sv", "1.6"]
    made = subprocess.run(
        [*command, *options, "--of", "JSON", "--output-reproducible"],
        cwd=root, capture_output=True, check=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(made.stdout)
    document["metadata"]["component"]["version"] = version
    at_s = int(_git(root, "log", "-1", "--format=%ct"))
    document["metadata"]["timestamp"] = datetime.fromtimestamp(at_s, UTC).isoformat()
    assets = json.loads((root / "portal" / "assets.json").read_text())
    document["components"] += [
        {
            "type": "library",
            "name": name,
            "version": pinned,
            "purl": f"pkg:npm/{name.replace('@', '%40')}@{pinned}",
            "bom-ref": f"npm-{name}",
        }
        for name, pinned in sorted(assets["packages"].items())
    ]
    return document


def checksums(files: Iterable[Path]) -> str:
    """Write what ``sha256sum --check`` reads."""
    rows = [(hashlib.sha256(file.read_bytes()).hexdigest(), file.name) for file in sorted(files)]
    return "".join(f"{digest}  {name}\n" for digest, name in rows)


def release(root: Path, version: str) -> Path:
    """Check, build twice, write ``dist/`` and tag the commit; returns the folder.

    Raises:
        ReleaseError: Something is not as it must be; nothing is tagged.
    """
    check_tree(root)
    check_version(version, _git(root, "tag", "--list", "v*").split())
    check_changelog((root / "CHANGELOG.md").read_text(), version)
    if subprocess.run(["make", "check"], cwd=root, check=False).returncode:
        raise ReleaseError("make check is red")
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    files = build(root, version, dist)
    with tempfile.TemporaryDirectory(prefix="statflow-again-") as again:
        if checksums(build(root, version, Path(again))) != checksums(files):
            raise ReleaseError("two builds of one commit differ")
    bill = dist / f"statflow-{version}.cdx.json"
    bill.write_text(json.dumps(bill_of_materials(root, version), indent=1, sort_keys=True) + "\n")
    (dist / "SHA256SUMS").write_text(checksums([*files, bill]))
    _git(root, "tag", "--annotate", f"v{version}", "--message", f"Statflow {version}")
    return dist


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Make the release that the command line names."""
    parser = argparse.ArgumentParser(description="Make a release of the commit at hand.")
    parser.add_argument("version", help="such as 1.4.0")
    version = parser.parse_args().version
    try:
        dist = release(ROOT, version)
    except ReleaseError as error:
        sys.exit(f"No release: {error}")
    print(f"{dist}: made and tagged v{version}. Publish it: git push origin v{version}")  # noqa: T201


if __name__ == "__main__":
    main()
