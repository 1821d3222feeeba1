"""``statflow rules check``: exit code and the place of what is wrong."""

from pathlib import Path

from click.testing import CliRunner

from statflow.rules_commands import rules


def test_the_packs_are_right() -> None:
    result = CliRunner().invoke(rules, ["check"])
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_wrong_file_is_told_by_line(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("rules:\n  - id: a\n    kind: inject\n    action: exclude\n    paths: [x]\n")
    result = CliRunner().invoke(rules, ["check", str(file)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{file}:5: expected a path")
