"""Every command in the pages: run in a sandbox, or held against what there is, or on a list."""

import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from redis import Redis

from edge.sites_feed import KEY
from statflow.cli import main
from tests.docs.documented import PAGES, Command, blocks, commands, mentions
from tests.statflow.formats.exports import MATOMO_VISIT, ga4_event, plausible_archive
from tests.support.redis_server import RedisServer
from tests.support.stack import ROOT
from tests.support.store_process import StoreProcess, running_store

pytestmark = pytest.mark.timeout(180)

NOT_RUN = {
    "up": "serves until it is stopped; tests/e2e run it",
    "edge": "serves until it is stopped; tests/e2e run it",
    "forwarder": "serves until it is stopped; tests/e2e run it",
    "portal": "serves until it is stopped; tests/e2e run it",
    "erase": "waits for a forwarder; tests/statflow/test_erase_commands.py runs it",
    "site reset": "waits for a forwarder; tests/statflow/test_erase_commands.py runs it",
    "doctor": "asks an origin that is not here; tests/statflow/test_doctor.py runs it",
    "top": "asks a running part; tests/statflow/test_top.py runs it",
    "rules explain": "asks a site that is not here; tests/statflow/test_explaining.py runs it",
}
"""Commands of ours that are parsed and not run, by their first words, and why."""

OTHERS = {
    "apt-get": "changes the machine",
    "buildah": "builds images; tests/docker test what they are built of",
    "bq": "Google's; asks an account of theirs",
    "certbot": "asks a certificate authority",
    "cd": "of the shell",
    "cp": "of the system; that the files are there is tested",
    "curl": "asks a site that is not here",
    "docker": "needs an engine; the files that it reads are tested in tests/docker",
    "git": "needs the address of the repository",
    "grep": "of the system",
    "gsutil": "Google's; asks an account of theirs",
    "install": "of the system; makes folders of root's",
    "journalctl": "needs systemd",
    "kubectl": "needs a cluster; the manifests are tested in tests/docker",
    "printf": "of the shell",
    "nginx": "reads a configuration of root's; tests/conformance run it",
    "psql": "asks another product's database",
    "runuser": "of the system; needs PostgreSQL's user",
    "sysctl": "changes the machine",
    "systemctl": "needs systemd; the units are tested in tests/docker",
    "useradd": "changes the machine",
    "zip": "of the system",
    "cat": "of the shell; writes a file of root's",
}
"""Programs of others that pages call, and why they are not run here."""

ALL = [command for page in PAGES for command in commands(page)]
OURS = [command for command in ALL if command.program == "statflow"]
MAKE = [command for command in ALL if command.program == "make"]
NAMED = [command for page in PAGES for command in mentions(page)]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = {
    "PREVIOUS",
    "SITES",
    "VERSION",
    *re.findall(r"^([A-Z_]+) [?:]?=", MAKEFILE, re.MULTILINE),
}


def leaf(words: tuple[str, ...]) -> tuple[click.Command, list[str]]:
    """Walk down to the command that words name; returns it and what is left for it."""
    found: click.Command = main
    left = list(words)
    while isinstance(found, click.Group) and left and left[0] in found.commands:
        found = found.commands[left.pop(0)]
    return found, left


def first_words(command: Command) -> str:
    found, left = leaf(command.words[1:])
    del found
    return " ".join(command.words[1 : len(command.words) - len(left)])


def is_run(command: Command) -> bool:
    return not command.words[1].startswith("-") and first_words(command) not in NOT_RUN


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        yield process


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that pages speak of, to be in."""
    monkeypatch.chdir(tmp_path)
    plausible_archive(tmp_path).rename("plausible-export.zip")
    Path("website_event.csv").write_text(
        "session_id,hostname,url_path,event_type,created_at\ns1,shop.example,/,1,2026-01-02\n"
    )
    with zipfile.ZipFile("visits.zip", "w") as visits:
        visits.writestr("visits-2026-10-31-0.json", json.dumps([MATOMO_VISIT]))
    rows = json.dumps(ga4_event("page_view", 1_767_312_000)) + "\n"
    Path("events_20261031-000000000000.json.gz").write_bytes(gzip.compress(rows.encode()))
    with zipfile.ZipFile("reports.zip", "w") as reports:
        reports.writestr("daily.csv", "Date,Sessions,Total users,Views\n20260101,3,2,9\n")
        reports.writestr("pages.csv", "Date,Page path,Total users,Views\n20260101,/,2,9\n")
    for folder in ("etc/letsencrypt/live", "var/lib/statflow/backups"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(is_run(c) for c in commands(page) if c.program == "statflow")],
    ids=lambda page: page.stem,
)
def test_commands_of_a_page_work_one_after_the_other(
    page: Path, place: Path, store: StoreProcess, redis: RedisServer
) -> None:
    runner = CliRunner(
        env={
            "STATFLOW_DATA_DIR": str(place / "data"),
            "STATFLOW_CLICKHOUSE_URL": store.url,
            "STATFLOW_REDIS_URL": redis.url,
            "STATFLOW_PASSWORD": "seven lamps over 3 harbours",
        }
    )  # fmt: skip
    ours = [c.words[1:] for c in commands(page) if c.program == "statflow" and is_run(c)]
    before: list[tuple[str, ...]] = [("migrate",)]
    if not any(words[:2] == ("user", "add") for words in ours):
        before.append(("user", "add", "you@example.com", "--admin"))
    hosts = ["shop.example", *(["my.localhost"] if page.stem == "start" else [])]
    before += [
        ("site", "add", host, "--upstream", "http://127.0.0.1:9")
        for host in hosts
        if not any(words[:3] == ("site", "add", host) for words in ours)
    ]
    for words in (*before, *ours):
        if words[0] == "front":
            _write_sites(place, redis)
        done = runner.invoke(main, [_here(word, place) for word in words], input="y\n")
        assert done.exit_code == 0, f"{words}: {done.output}{done.exception!r}"


def _write_sites(place: Path, redis: RedisServer) -> None:
    """Write down what was published, as the edge does that has run before."""
    with Redis.from_url(redis.url) as published:
        answer: Any = published.get(KEY)
    (place / "data" / "sites.json").write_bytes(bytes(answer))


def _here(word: str, place: Path) -> str:
    """Put a reader's values for what a page leaves open, and this place for the machine's."""
    word = {"HOST": "shop.example", "EMAIL": "you@example.com"}.get(word, word)
    return re.sub(r"^/(var|etc|backups)", rf"{place}/\1", word)


@pytest.mark.parametrize("command", OURS, ids=str)
def test_a_command_of_ours_is_one(command: Command, place: Path) -> None:
    found, left = leaf(command.words[1:])
    if left == ["--version"]:
        return
    assert not isinstance(found, click.Group), command
    found.make_context(str(found.name), [_here(word, place) for word in left])


@pytest.mark.parametrize("command", NAMED, ids=str)
def test_what_a_sentence_names_exists(command: Command) -> None:
    if command.program == "make":
        assert command.words[1] in TARGETS
        return
    found, left = leaf(command.words[1:])
    assert found is not main, command
    known = {
        name for parameter in found.params for name in parameter.opts + parameter.secondary_opts
    }
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(left)):
        assert option in known or isinstance(found, click.Group), f"{command}: {option}"


@pytest.mark.parametrize("command", MAKE, ids=str)
def test_a_target_of_make_exists(command: Command) -> None:
    targets = [word for word in command.words[1:] if "=" not in word]
    assert set(targets) <= TARGETS
    given = {word.partition("=")[0] for word in command.words[1:] if "=" in word}
    assert given <= VARIABLES | {"T", "DATA"}


def test_every_other_program_is_on_the_list_and_the_list_has_no_more() -> None:
    called = {command.program for command in ALL} - {"statflow", "make"}
    assert called == set(OTHERS)


def test_what_is_not_run_is_in_the_pages() -> None:
    named = {first_words(command) for command in OURS if not is_run(command)} - {""}
    assert named == set(NOT_RUN)


def test_no_command_hides_in_a_block_of_another_kind() -> None:
    hidden = [
        (page.name, line)
        for page in PAGES
        for language, text in blocks(page)
        if language not in {"sh", "text"}
        for line in text.splitlines()
        if re.match(r" *(?:\.venv/bin/)?(?:statflow|make|docker|kubectl|systemctl) \w", line)
    ]
    assert hidden == []


def test_files_that_pages_copy_are_there() -> None:
    named = {
        word
        for command in ALL
        if command.program in {"cp", "docker", "kubectl"}
        for word in command.words
        if word.startswith("docker/")
    }
    assert named
    assert [name for name in named if not any(ROOT.glob(name))] == []


def test_the_check_of_commands_can_fail() -> None:
    with pytest.raises(click.NoSuchOption):
        test_a_command_of_ours_is_one(Command("x", ("statflow", "up", "--nonsense")), Path())
