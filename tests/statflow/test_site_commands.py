"""Changing sites and explaining URLs from the command line."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from edge.sites import parse_site, render_snapshot
from tests.statflow.test_cli import data, printed, run

__all__ = ["data"]

SITE = {"id": 1, "host": "shop.example", "public_key": "k"}


@pytest.fixture
def sites_file(data: Path) -> Path:
    data.mkdir(parents=True)
    upstreams = {"upstreams": ["http://127.0.0.1:1"]}
    (data / "sites.json").write_bytes(render_snapshot(1, [{**SITE, **upstreams}]))
    return data / "sites.json"


def test_switches_are_changed_by_name(data: Path) -> None:
    run(data, "site", "add", "shop.example", "--upstream", "http://127.0.0.1:3000")
    changed = printed(
        run(data, "site", "set", "shop.example", "mode=canary", "canary_percent=5", "quiet=on")
    )
    assert (changed["mode"], changed["canary_percent"]) == ("canary", 5)
    assert changed["quiet_seed"]
    assert changed["former_names"] == []


def test_names_that_are_given_up_are_told_to_the_edges(data: Path) -> None:
    run(data, "site", "add", "shop.example", "--upstream", "http://127.0.0.1:3000")
    seed = printed(run(data, "site", "set", "shop.example", "quiet=on"))["quiet_seed"]
    changed = printed(run(data, "site", "set", "shop.example", "quiet=off", "prefix=/q"))
    (former,) = changed["former_names"]
    assert (former["prefix"], former["script_name"], former["quiet_seed"]) == ("/sf", "", seed)
    assert [names.quiet_seed for names in parse_site(changed).former_names] == [seed]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shop.example", "colour=red"), "There is no switch 'colour'; there are upstreams"),
        (("shop.example", "mode=perhaps"), "Choose one of"),
        (("shop.example", "mode"), "expected NAME=VALUE"),
        (("nobody.example", "mode=on"), "There is no site nobody.example."),
    ],
)
def test_a_wrong_change_is_a_sentence(data: Path, arguments: tuple[str, ...], words: str) -> None:
    run(data, "site", "add", "shop.example", "--upstream", "http://127.0.0.1:3000")
    refused = run(data, "site", "set", *arguments)
    assert refused.exit_code != 0
    assert words in refused.stderr
    assert "Traceback" not in refused.output


def test_the_kill_switch_is_kept(data: Path) -> None:
    assert printed(run(data, "injection")) == {"injection": True}
    assert printed(run(data, "injection", "off")) == {"injection": False}
    assert printed(run(data, "injection")) == {"injection": False}
    assert printed(run(data, "injection", "on")) == {"injection": True}


@pytest.mark.usefixtures("sites_file")
def test_a_url_is_explained_in_the_contracts_form(data: Path) -> None:
    said = printed(run(data, "rules", "explain", "https://shop.example/a?utm_source=x", "--json"))
    assert said["site"] == "shop.example"
    assert said["inject"] is True
    assert said["reason"] == "injected"
    assert said["won"] == ""
    assert said["tried"][0] == {"rule": "off", "matched": False}
    assert said["tag"].startswith('<script async="async" src="/sf/')
    assert said["stores"]["path"] == "/a"


@pytest.mark.usefixtures("sites_file")
def test_request_and_answer_can_be_described(data: Path) -> None:
    url = "https://shop.example/"
    piece = printed(run(data, "rules", "explain", url, "-H", "HX-Request: true", "--json"))
    assert piece["won"] == "partial_request"
    status = printed(run(data, "rules", "explain", url, "--status", "304", "--json"))
    assert status["won"] == "not_modified"
    kind = "Content-Type: image/png"
    image = printed(run(data, "rules", "explain", url, "--answer-header", kind, "--json"))
    assert image["won"] == "content_type"
    shown = run(data, "rules", "explain", url).stdout
    assert "script    yes: injected" in shown


@pytest.mark.usefixtures("sites_file")
def test_what_cannot_be_explained_is_a_sentence(data: Path) -> None:
    for arguments, words in (
        (("not a url",), "expected http://HOST/PATH"),
        (("https://shop.example/", "-H", "nonsense"), "expected 'Name: value'"),
        (("https://shop.example/", "--fetch"), "the upstream cannot be asked"),
    ):
        refused = run(data, "rules", "explain", *arguments)
        assert refused.exit_code == 1
        assert words in refused.stderr


def test_without_a_site_it_says_what_to_do(data: Path) -> None:
    refused = run(data, "rules", "explain", "https://shop.example/")
    assert refused.exit_code == 1
    assert "statflow site add" in refused.stderr


def test_the_sites_own_page_is_fetched(data: Path) -> None:
    class Amp(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><html amp><head></head></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Amp)
    Thread(target=server.handle_request, daemon=True).start()
    data.mkdir(parents=True)
    site = {**SITE, "upstreams": [f"http://127.0.0.1:{server.server_port}"]}
    (data / "sites.json").write_bytes(render_snapshot(1, [site]))
    result = run(data, "rules", "explain", "http://shop.example/", "--fetch", "--json")
    server.server_close()
    assert json.loads(result.stdout)["won"] == "amp"


def test_rules_of_a_site_and_their_events_are_shown(data: Path) -> None:
    data.mkdir(parents=True)
    rules = [
        {"id": "users", "kind": "privacy", "action": "mask", "paths": ["/u/*"], "to": "/u/:id"},
        {"id": "buy", "kind": "event", "selectors": ["#buy"], "name": "Bought"},
    ]
    site = {**SITE, "upstreams": ["http://127.0.0.1:1"], "rules": rules}
    (data / "sites.json").write_bytes(render_snapshot(1, [site]))
    shown = run(data, "rules", "explain", "https://shop.example/u/7").stdout.splitlines()
    assert any(line.split() == ["matches", "privacy", "users"] for line in shown)
    assert any(line.split() == ["path", "/u/:id"] for line in shown)
    assert shown[-1].split() == ["Bought", "on", "click", "#buy", "buy"]
