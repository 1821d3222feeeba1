"""Units of systemd and recipes: what they name exists."""

import re
import shlex
from configparser import RawConfigParser
from pathlib import Path

import pytest

from statflow.cli import main
from statflow.mcp import Asker, build_server
from statflow.settings import PREFIX, SETTINGS

RECIPES = Path("docs/recipes.md").read_text()
UNITS = sorted(Path("docker/systemd").glob("*.service"))
DRAIN_S = next(int(row.default) for row in SETTINGS if row.name == "DRAIN_S")


def read(unit: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_of_ours_as_nobody_special(unit: Path) -> None:
    service = read(unit)["Service"]
    for line in (service["ExecStart"], service.get("ExecStartPre", service["ExecStart"])):
        program, command, *options = shlex.split(line)
        assert program == "/opt/statflow/.venv/bin/statflow"
        main.commands[command].make_context(command, options)
    assert service["User"] == "statflow"
    assert service["NoNewPrivileges"] == "yes"
    if command in {"up", "edge"}:
        assert int(service["TimeoutStopSec"]) > DRAIN_S


def test_the_embedded_stack_and_its_commands_meet_in_tmp() -> None:
    assert "PrivateTmp" not in read(Path("docker/systemd/statflow.service"))["Service"]


def test_roles_beside_each_other_have_private_ports_of_their_own() -> None:
    ports = [re.findall(r"--private-port (\d+)", unit.read_text()) for unit in UNITS]
    found = [port for each in ports for port in each]
    assert len(found) == len(set(found)) == 3


def test_settings_and_units_that_recipes_name_exist() -> None:
    known = {PREFIX + row.name for row in SETTINGS}
    assert set(re.findall(r"STATFLOW_[A-Z_0-9]*[A-Z0-9]", RECIPES)) <= known
    for name in re.findall(r"`?(statflow(?:-\w+)?)\.service", RECIPES):
        assert Path("docker/systemd", f"{name}.service") in UNITS


async def test_the_tools_that_are_described_are_those_there_are() -> None:
    tools = {tool.name for tool in await build_server(Asker("http://a", "b", "c")).list_tools()}
    assert set(re.findall(r"^\| `(\w+)` \|", RECIPES, re.MULTILINE)) == tools
