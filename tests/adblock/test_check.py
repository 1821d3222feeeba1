"""The filter-list check itself, with the real engine and a small list of our own."""

import json
from pathlib import Path

import pytest

from tests.adblock.addresses import Address, known_trackers, own_addresses
from tests.adblock.check import check, main, render_table, verdict
from tests.adblock.engine import Asked, EngineError, find_blocking_rules, find_lists, install_engine

NOW = 1_767_225_600.0
PAGE = "https://shop.example/page"
RULES = """! Title: A small list
||google-analytics.com^$third-party
||plausible.io/js/
/plausible.js
/matomo.js
/umami.js
/p.gif?
/sf/e$ping
@@/allowed/*$script
"""

pytestmark = pytest.mark.xdist_group("adblock")


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    install_engine()


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "small.txt").write_text(RULES)
    (folder / "notes.txt").write_text("# no filter list\n/sf/\n")
    return folder


@pytest.mark.parametrize(
    ("path", "kind", "rule"),
    [
        ("/js/plausible.js", "script", "/plausible.js"),
        ("/allowed/plausible.js", "script", None),
        ("/sf/p.gif", "image", None),
        ("/sf/p.gif?u=x", "image", "/p.gif?"),
        ("/sf/e", "ping", "/sf/e$ping"),
        ("/sf/e", "fetch", None),
    ],
)
def test_the_engine_reads_rules_as_browsers_do(
    lists: Path, path: str, kind: str, rule: str | None
) -> None:
    asked = Asked(f"https://shop.example{path}", PAGE, kind)
    assert find_blocking_rules(find_lists(lists), [asked]) == [rule]


def test_only_filter_lists_are_read(lists: Path, tmp_path: Path) -> None:
    assert [path.name for path in find_lists(lists)] == ["small.txt"]
    with pytest.raises(EngineError, match="not a folder"):
        find_lists(tmp_path / "missing")
    with pytest.raises(EngineError, match="list's head"):
        find_lists(tmp_path)
    with pytest.raises(EngineError, match="LISTS=folder"):
        find_lists(None)


def test_every_kind_of_site_is_asked_about() -> None:
    every = own_addresses(NOW)
    kinds = {(address.site, address.what, address.asked.type) for address in every}
    for site in ("default", "own prefix", "own prefix and script name", "quiet (100 seeds)"):
        assert {(what, kind) for s, what, kind in kinds if s == site} >= {
            ("script", "script"),
            ("module", "script"),
            ("beacon as fetch", "fetch"),
            ("beacon as xmlhttprequest", "xmlhttprequest"),
            ("beacon as ping", "ping"),
            ("pixel", "image"),
            ("opt-out page", "document"),
        }
    urls = {address.asked.url for address in every}
    assert "https://shop.example.com/q7/menu.js" in urls
    assert "https://shop.example.com/sf/tracker.js" in urls
    assert len([url for url in urls if "shop.example.com" in url]) > 100 * 7 * 5


def test_a_blocked_address_and_a_tracker_that_passes_are_both_wrong(lists: Path) -> None:
    ours = [
        Address("default", "beacon", Asked("https://shop.example/sf/e", PAGE, "ping")),
        Address("default", "pixel", Asked("https://shop.example/sf/p.gif", PAGE, "image")),
    ]
    theirs = [Address("known tracker", "x.js", Asked("https://x.example/x.js", PAGE, "script"))]
    own, trackers = check(find_lists(lists), ours, [*known_trackers(), *theirs])
    assert [(row.checked, row.blocked) for row in own] == [(1, 1), (1, 0)]
    assert "https://shop.example/sf/e  by  /sf/e$ping" in render_table(own)
    wrong = verdict(own, trackers)
    assert wrong[0] == "default, beacon: 1 blocked"
    assert wrong[1].startswith("x.js is not blocked")
    assert len(wrong) == 2


def test_the_command_prints_and_writes_what_it_found(
    lists: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = {"id": 1, "host": "my.example", "upstreams": ["http://127.0.0.1"], "public_key": "k"}
    sites = tmp_path / "sites.json"
    sites.write_text(json.dumps({"schema": 1, "number": 1, "sites": [site]}))
    monkeypatch.chdir(tmp_path)
    assert main([str(lists), "--sites", str(sites)]) == 1
    said = capsys.readouterr()
    assert "https://my.example/sf/e  by  /sf/e$ping" in said.out
    assert said.err == "adblock: my.example, beacon as ping: 1 blocked\n"
    report = json.loads((tmp_path / "build" / "adblock.json").read_text())
    assert report["lists"] == ["small.txt"]
    assert {row["site"] for row in report["rows"]} == {"my.example", "known tracker"}
    (lists / "small.txt").write_text(RULES.replace("/sf/e$ping\n", ""))
    assert main([str(lists), "--sites", str(sites)]) == 0


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/nowhere"]) == 1
    assert capsys.readouterr().err == "adblock: no filter lists: /nowhere is not a folder\n"
