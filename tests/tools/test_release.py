"""Releases: what refuses one, and that what is built can be built again."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.stack import ROOT
from tools import release
from tools.release import (
    ReleaseError,
    bill_of_materials,
    build,
    check_changelog,
    check_tree,
    check_version,
    checksums,
)

pytestmark = pytest.mark.timeout(240)

CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.4.0 (2026-12-01)\n\n- One thing.\n"


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository whose one commit has this tree's code: what is built is small and ours."""
    root = tmp_path / "tree"
    root.mkdir()
    names = ["pyproject.toml", "README.md", "LICENSE", "requirements.lock", ".gitignore"]
    names += ["portal/assets.json", "store", "statflow/__init__.py"]
    for package in ("edge", "portal", "rules", "statflow", "tracker"):
        names.append(f"{package}/__init__.py")
    for name in dict.fromkeys(names):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", ROOT / name, target], check=True)
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    (root / "Makefile").write_text("check:\n\t@test ! -e red\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "All of it")
    return root


@pytest.mark.parametrize(
    ("version", "tags", "why"),
    [
        ("one", [], "is no version"),
        ("1.4", ["v1.4.0"], "not above"),
        ("1.3.9", ["v1.4.0", "v1.2.0"], "not above the last release, 1.4.0"),
        ("1.5.0.dev1", [], "write the version"),
        ("1.5.0+mine", [], "write the version"),
        ("v1.5.0", [], "write the version"),
    ],
)
def test_a_version_that_cannot_follow_is_refused(version: str, tags: list[str], why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        check_version(version, tags)


def test_a_version_above_the_last_may_be_made() -> None:
    check_version("1.4.0", [])
    check_version("1.10.0", ["v1.9.0"])
    check_version("1.5.0rc1", ["v1.4.0"])


def test_a_changelog_must_tell_of_the_version() -> None:
    check_changelog(CHANGELOG, "1.4.0")
    empty = CHANGELOG.replace("- One thing.\n", "\n## 1.3.0 (2026-11-01)\n\n- Old.\n")
    for text in (
        CHANGELOG.replace("1.4.0", "1x4.0"),
        empty,
        CHANGELOG.replace(" (2026-12-01)", ""),
    ):
        with pytest.raises(ReleaseError, match="no section"):
            check_changelog(text, "1.4.0")


def test_a_tree_that_is_not_its_commit_is_refused(tree: Path) -> None:
    check_tree(tree)
    (tree / "portal" / "new.py").write_text("")
    with pytest.raises(ReleaseError, match="not clean"):
        check_tree(tree)


def test_a_release_is_made_once_all_is_well(tree: Path) -> None:
    (tree / "red").write_text("")
    git(tree, "add", "red")
    git(tree, "commit", "--quiet", "--message", "Red")
    with pytest.raises(ReleaseError, match="make check is red"):
        release.release(tree, "1.4.0")
    assert git(tree, "tag") == ""
    git(tree, "rm", "--quiet", "red")
    git(tree, "commit", "--quiet", "--message", "Green")
    dist = release.release(tree, "1.4.0")
    names = {file.name for file in dist.iterdir()}
    wheel = "statflow-1.4.0-py3-none-any.whl"
    assert names == {wheel, "statflow-1.4.0.tar.gz", "statflow-1.4.0.cdx.json", "SHA256SUMS"}
    assert git(tree, "rev-parse", "v1.4.0^{commit}") == git(tree, "rev-parse", "HEAD")
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, check=True)
    with zipfile.ZipFile(dist / wheel) as packed:
        inside = packed.namelist()
        metadata = packed.read("statflow-1.4.0.dist-info/METADATA").decode()
    assert "\nVersion: 1.4.0\n" in metadata
    assert "store/schema/snapshot.sql" in inside
    with pytest.raises(ReleaseError, match="not above"):
        release.release(tree, "1.4.0")


def test_a_build_is_the_same_bytes_again_whatever_the_clock_and_the_rights(
    tree: Path, tmp_path: Path
) -> None:
    first = checksums(build(tree, "1.4.0", tmp_path / "first"))
    for file in (tree / "store").rglob("*.py"):
        file.touch()
        file.chmod(0o664)
    assert checksums(build(tree, "1.4.0", tmp_path / "second")) == first


def test_the_wheel_holds_every_file_of_the_packages_but_the_trackers_sources(
    tmp_path: Path,
) -> None:
    (wheel,) = [file for file in build(ROOT, "1.4.0", tmp_path) if file.suffix == ".whl"]
    with zipfile.ZipFile(wheel) as packed:
        inside = set(packed.namelist())
    packages = ("edge", "portal", "rules", "statflow", "store", "tracker")
    tracked = git(ROOT, "ls-tree", "-r", "--name-only", "HEAD", *packages).splitlines()
    sources = ("tracker/src/", "tracker/package/", "tracker/build.mjs")
    left_out = {name for name in tracked if name not in inside and not name.startswith(sources)} - {
        "statflow/settings.snapshot.json",
        "tracker/ARCHITECTURE.md",
        "tracker/CHANGELOG.md",
    }
    assert left_out == set()
    assert not any(name.startswith(("tests/", "docs/", "tools/")) for name in inside)


def test_the_bill_of_materials_names_what_is_installed(tree: Path) -> None:
    bill = bill_of_materials(tree, "1.4.0")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "statflow"
    assert bill["metadata"]["component"]["version"] == "1.4.0"
    named = {part["name"]: part for part in bill["components"]}
    locked = [
        line.partition("==")[0].partition("[")[0]
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    ]
    assert set(locked) <= set(named)
    assert named["flask"]["purl"].startswith("pkg:pypi/flask@")
    assert named["echarts"]["purl"].startswith("pkg:npm/echarts@")
    assert json.dumps(bill_of_materials(tree, "1.4.0")) == json.dumps(bill)
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - only this test needs it.
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_the_command_line_says_why_not() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.release", "nonsense"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("No release: ")


@pytest.fixture(autouse=True)
def _somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tag be made whoever runs the tests."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@b.c")
