"""The commands that need no running part: what they print, and how they refuse."""

import json
import socket
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from edge.sites import parse_site
from statflow.cli import main
from statflow.command import Context, command
from statflow.role_forwarder import parse_shards
from statflow.services import ServiceError
from statflow.up import _one_exposition


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATFLOW_DATA_DIR", "STATFLOW_REDIS_URL", "STATFLOW_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


def run(data: Path, *arguments: str, text: str | None = None, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(
        main, [*arguments, "--data-dir", str(data)], input=text
    )


def printed(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_a_site_is_added_once(data: Path) -> None:
    added = printed(
        run(data, "site", "add", "Shop.Example", "--upstream", "http://127.0.0.1:3000",
            "--timezone", "Europe/Paris")
    )  # fmt: skip
    assert added.keys() == {"id", "host", "public_key", "upstream", "timezone"}
    assert added["host"] == "shop.example"
    assert added["public_key"].startswith("stk_")
    again = run(data, "site", "add", "shop.example", "--upstream", "http://127.0.0.1:3000")
    assert again.exit_code == 1
    assert "shop.example" in again.stderr
    rows = json.loads(run(data, "site", "list", "--json").stdout)
    assert parse_site(rows[0]).id == added["id"]
    assert "shop.example" in run(data, "site", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("a b", "--upstream", "http://x"),
        ("a.example", "--upstream", "ftp://x"),
        ("a.example", "--upstream", "http://x", "--timezone", "Mars"),
        ("a.example", "--upstream", "http://x", "--team", "Nobody"),
    ],
)
def test_a_wrong_site_is_refused_in_one_sentence(data: Path, arguments: tuple[str, ...]) -> None:
    refused = run(data, "site", "add", *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("statflow: ")
    assert "Traceback" not in refused.output


def test_without_redis_a_site_is_saved_with_a_warning(data: Path) -> None:
    added = run(data, "site", "add", "a.example", "--upstream", "http://127.0.0.1:1")
    assert added.exit_code == 0
    assert "not yet sent to the edge" in added.stderr


def test_an_administrator_may_make_tokens(data: Path) -> None:
    run(data, "site", "add", "a.example", "--upstream", "http://127.0.0.1:1")
    secret = {"STATFLOW_PASSWORD": "correct horse battery staple"}
    added = printed(run(data, "user", "add", "owner@a.example", "--admin", **secret))
    assert added["admin"] is True
    token = printed(
        run(data, "token", "create", "owner@a.example", "--site", "a.example",
            "--scope", "stats:read,events:write")
    )  # fmt: skip
    assert token["token"].startswith("sft_")
    other = run(data, "token", "create", "owner@a.example", "--site", "b.example")
    assert other.exit_code == 1


def test_a_password_may_come_by_standard_input(data: Path) -> None:
    added = run(data, "user", "add", "x@a.example", text="correct horse battery staple\n")
    assert printed(added)["email"] == "x@a.example"


def test_a_weak_password_is_refused(data: Path) -> None:
    refused = run(data, "user", "add", "x@a.example", text="1234\n")
    assert refused.exit_code == 1
    assert "statflow: " in refused.stderr


def test_the_operator_prints_a_link_to_set_a_new_password(data: Path) -> None:
    run(data, "user", "add", "x@a.example", text="correct horse battery staple\n")
    done = run(data, "user", "reset", "X@a.example", STATFLOW_PUBLIC_URL="https://p.example/")
    assert done.stdout.startswith("https://p.example/reset/")
    assert run(data, "user", "reset", "y@a.example").exit_code == 1


def test_an_unknown_setting_stops_every_command(data: Path) -> None:
    refused = run(data, "site", "list", STATFLOW_DATA_DIRR="x")
    assert refused.exit_code == 1
    assert "STATFLOW_DATA_DIRR" in refused.stderr


def test_a_port_that_is_taken_is_a_sentence(data: Path) -> None:
    @click.command()
    @command
    def listen(_context: Context) -> None:
        socket.create_server(taken.getsockname())

    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = CliRunner().invoke(listen, ["--data-dir", str(data)])
    assert said.exit_code == 1
    assert said.stderr.startswith("statflow: cannot listen: ")


def test_the_doctor_names_what_is_away_and_fails(data: Path) -> None:
    result = run(data, "doctor", "--json")
    assert result.exit_code == 1
    findings = {row["part"]: row for row in json.loads(result.stdout)}
    assert findings["python"]["good"]
    assert not findings["redis"]["good"]
    assert "statflow up" in findings["store"]["said"]
    assert "WRONG" in run(data, "doctor").stdout


@pytest.mark.parametrize(
    "path", [(), ("site",), ("site", "add"), ("up",), ("edge",), ("token", "create"), ("import",)]
)
def test_every_command_helps(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert "\\b" not in result.output


def test_shards_are_a_range() -> None:
    assert parse_shards("0-63") == range(64)
    for wrong in ("", "5", "9-3", "0-64", "a-b"):
        with pytest.raises(ServiceError, match="expected A-B"):
            parse_shards(wrong)


def test_metrics_of_several_parts_are_one_exposition() -> None:
    one = b'# HELP a Helps.\n# TYPE a counter\na{p="1"} 1\n'
    two = b'# HELP a Helps.\n# TYPE a counter\na{p="2"} 2\n# HELP b B.\n# TYPE b gauge\nb 3\n'
    joined = _one_exposition([one, two]).decode().splitlines()
    assert joined == [
        "# HELP a Helps.",
        "# TYPE a counter",
        'a{p="1"} 1',
        'a{p="2"} 2',
        "# HELP b B.",
        "# TYPE b gauge",
        "b 3",
    ]
