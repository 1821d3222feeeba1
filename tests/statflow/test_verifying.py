"""A look at a site through the edge: every fault has its words."""

import json
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from portal import language
from portal.sites.verification import Check, Found
from statflow import verifying
from statflow.paths import Paths
from statflow.settings import read_settings
from statflow.verifying import Verifier, _Look
from tests.statflow.test_cli import data, run
from tests.support.certificates import Authority
from tests.support.edge_process import EdgeProcess
from tests.support.stack import free_port

__all__ = ["data"]

PAGE = "<!doctype html><html><head><title>A</title></head><body>Hello</body></html>"
POLICY = PAGE.replace(
    "<title>",
    '<meta http-equiv="Content-Security-Policy" content="connect-src \'none\'"><title>',
)
CAME = {"received": 7, "dropped": {}}


class Served(ThreadingHTTPServer):
    """Answers by path: status, type, body, and further fields."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, str, str, dict[str, str]]] = {}
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.thread = Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def says(
        self, path: str, body: str, status: int = 200, kind: str = "text/html", **more: str
    ) -> None:
        self.answers[path] = (status, kind, body, more)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def handle_error(self, *_: object) -> None:
        """Let a handshake that the other side breaks off be no news."""

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Served

    def do_GET(self) -> None:
        path = f"{self.command} {self.path}" if self.command == "POST" else self.path
        status, kind, body, more = self.server.answers.get(path, (404, "text/html", "none", {}))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815 - named by the base class

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(context: ssl.SSLContext | None = None) -> Served:
        made.append(Served(context))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def origin(serve: Callable[..., Served]) -> Served:
    found = serve()
    found.says("/", PAGE)
    return found


@pytest.fixture
def door(serve: Callable[..., Served], look: "Look") -> Served:
    """What stands at the site's name: by default an edge as it must be."""
    found = serve()
    tag = look.tag
    found.says(tag.script_url, f'e:"{tag.endpoint_url}"', kind="text/javascript")
    found.says("/", PAGE.replace("<head>", f'<head><script src="{tag.script_url}">'))
    refused = json.dumps({"error": {"code": "wrong_type"}})
    found.says(f"POST {tag.endpoint_url}", refused, 400, "application/json")
    look.ports = (free_port(), found.port)
    return found


class Look:
    """One site, and what is looked at it with."""

    def __init__(self, folder: Path, origin: Served) -> None:
        self.folder = folder
        self.site: dict[str, Any] = {
            "id": 1, "host": "localhost", "public_key": "stk", "upstreams": [origin.url],
        }  # fmt: skip
        self.environ: dict[str, str] = {}
        self.account: dict[str, Any] = dict(CAME)
        self.reports: list[dict[str, Any]] = []
        self.ports = (free_port(), free_port())
        self.for_operator = True

    @property
    def tag(self) -> Any:
        return _Look(self.verifier(), self.site, injection=True)._tag

    def verifier(self) -> Verifier:
        settings = read_settings(self.environ, data_dir=self.folder)
        return Verifier(
            settings,
            Paths(self.folder),
            known_events=lambda _: self.account,
            reports=lambda: self.reports,
            usual_ports=self.ports,
            for_operator=self.for_operator,
        )

    def __call__(self, *, injection: bool = True) -> list[Check]:
        """Look; whatever is said has been looked up in the catalogues."""
        spoken: list[str] = []

        def speak(look_up: Callable[..., str]) -> Callable[..., str]:
            def recorded(*text: Any, **values: Any) -> str:
                spoken.append(look_up(*text, **values))
                return spoken[-1]

            return recorded

        with pytest.MonkeyPatch.context() as patch:
            for name in ("_", "ngettext"):
                patch.setattr(verifying, name, speak(getattr(language, name)))
            found = self.verifier()(self.site, injection=injection)
        for check in found:
            assert check.what in spoken
            assert check.said.startswith(tuple(spoken))
        return found

    def wrong(self, **options: bool) -> dict[str, str]:
        """What is wrong, by its code."""
        return {c.code: c.said for c in self(**options) if c.found is Found.WRONG}


@pytest.fixture
def look(tmp_path: Path, origin: Served) -> Look:
    return Look(tmp_path, origin)


@pytest.mark.usefixtures("door")
def test_a_site_that_is_in_place_is_fine(look: Look) -> None:
    checks = look()
    assert [check.code for check in checks] == [
        "on", "upstream", "injected", "dns", "edge", "script", "beacon", "events",
    ]  # fmt: skip
    assert {check.found for check in checks} == {Found.FINE}


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"mode": "off"}, "mode_off", "switched off for this site"),
        ({"mode": "shadow"}, "mode_shadow", "only pretends"),
        ({"maintenance": True}, "maintenance", "Switch it off"),
    ],
)
def test_a_switch_that_stops_counting_is_named(
    look: Look, change: dict[str, Any], code: str, words: str
) -> None:
    look.site |= change
    assert words in look.wrong()[code]


@pytest.mark.usefixtures("door")
def test_the_kill_switch_is_named(look: Look) -> None:
    assert "administrator" in look.wrong(injection=False)["kill_switch"]


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    ("change", "code"),
    [({"mode": "canary"}, "canary"), ({"measure": "edge"}, "measure_edge")],
)
def test_a_choice_that_counts_otherwise_is_only_noted(
    look: Look, change: dict[str, Any], code: str
) -> None:
    look.site |= change
    assert (Found.NOTE, code) in {(check.found, check.code) for check in look()}
    assert look.wrong() == {}


@pytest.mark.usefixtures("door")
class TestUpstream:
    def test_refused(self, look: Look) -> None:
        look.site["upstreams"] = [f"http://127.0.0.1:{free_port()}"]
        assert "refuses connections" in look.wrong()["upstream"]

    def test_no_address(self, look: Look) -> None:
        look.site["upstreams"] = ["http://nothing.invalid:80"]
        assert "does not resolve" in look.wrong()["upstream"]

    def test_not_allowed(self, look: Look) -> None:
        look.environ = {"STATFLOW_UPSTREAM_RANGES": "10.0.0.0/8"}
        assert "may connect to" in look.wrong()["upstream"]

    def test_certificate(self, look: Look, serve: Callable[..., Served], tmp_path: Path) -> None:
        secure = serve(server_context(tmp_path))
        look.site["upstreams"] = [f"https://127.0.0.1:{secure.port}"]
        assert "certificate that does not hold" in look.wrong()["upstream_certificate"]

    def test_broken(self, look: Look, origin: Served) -> None:
        origin.says("/", "no", 503)
        assert "with status 503" in look.wrong()["upstream_status"]

    def test_redirects_in_a_circle(self, look: Look, origin: Served) -> None:
        origin.says("/", "", 301, Location="https://localhost/")
        assert "in a circle" in look.wrong()["upstream"]

    def test_one_of_several(self, look: Look, origin: Served) -> None:
        dead = f"http://127.0.0.1:{free_port()}"
        look.site["upstreams"] = [origin.url, dead]
        (said,) = look.wrong().values()
        assert dead in said


def test_a_team_is_not_told_what_answers_within_the_operators_network(
    look: Look, serve: Callable[..., Served]
) -> None:
    """A team can give its site any name, also one that leads inside."""
    inner = serve()
    inner.says("/", "the intranet", 200, Server="Payroll/3")
    look.ports = (free_port(), inner.port)
    assert "with status 404" in look.wrong()["not_the_edge"]
    look.for_operator = False
    assert look.wrong()["nobody"] == "No edge answers for localhost there."
    assert "127.0.0.1" not in str(
        [check for check in look() if not check.what.startswith("Upstream")]
    )
    look.ports = (free_port(), free_port())
    assert look.wrong()["nobody"] == "No edge answers for localhost there."


@pytest.mark.usefixtures("door")
class TestPage:
    def test_not_html(self, look: Look, origin: Served) -> None:
        origin.says("/", "hello", kind="text/plain")
        said = look.wrong()["content_type"]
        assert "no script" in said
        assert "text/plain" in said

    def test_a_policy_in_the_page(self, look: Look, origin: Served) -> None:
        origin.says("/", POLICY)
        assert "connect-src" in look.wrong()["csp_meta"]

    def test_a_rule_of_the_site(self, look: Look) -> None:
        look.site["rules"] = [{"id": "r", "kind": "inject", "action": "exclude", "paths": ["/"]}]
        assert any("no script" in said for said in look.wrong().values())


def test_a_page_without_the_script_behind_a_cache(look: Look, door: Served) -> None:
    door.says("/", PAGE)
    assert "cache" in look.wrong()["no_script"]


def test_a_page_that_redirects_to_itself(look: Look, door: Served) -> None:
    door.says("/", "", 302, Location="/")
    assert "in a circle" in look.wrong()["page"]


def test_a_firewall_that_stops_events(look: Look, door: Served) -> None:
    door.says(f"POST {look.tag.endpoint_url}", "<h1>Forbidden</h1>", 403)
    assert "a firewall or a proxy" in look.wrong()["beacon"]


class TestName:
    def test_without_address(self, look: Look) -> None:
        look.site["host"] = "nothing.invalid"
        assert "A or AAAA record" in look.wrong()["dns"]

    def test_nobody_there(self, look: Look) -> None:
        assert "Is an edge running there?" in look.wrong()["nobody"]

    def test_somebody_else_there(self, look: Look, origin: Served) -> None:
        look.ports = (free_port(), origin.port)
        said = look.wrong()["not_the_edge"]
        assert "Let the name lead to the edge" in said
        assert "404" in said

    def test_a_certificate_for_another_name(
        self, look: Look, serve: Callable[..., Served], tmp_path: Path
    ) -> None:
        secure = serve(server_context(tmp_path))
        look.ports = (secure.port, free_port())
        assert "must name localhost" in look.wrong()["certificate"]

    def test_an_edge_that_does_not_know_the_site(self, look: Look, door: Served) -> None:
        door.says(look.tag.script_url, "", 421)
        assert "does not know localhost" in look.wrong()["unknown_site"]

    def test_up_on_this_machine_is_found_by_its_own_ports(self, look: Look, door: Served) -> None:
        urls = {"edge": f"http://localhost:{door.port}", "edge_tls": None}
        (look.folder / "run.json").write_text(json.dumps({"urls": urls}))
        look.ports = (free_port(), free_port())
        assert look.wrong() == {}


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS with a certificate that nobody trusts, for another name."""
    return Authority(folder).server_context("other.example")


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    ("account", "shown", "code", "words"),
    [
        ({"received": 0, "dropped": {}}, 12, "no_events", "script: 12. No event has come back"),
        ({"received": 3, "dropped": {"dnt": 3}}, 12, "all_dropped", "Events page"),
    ],
)
def test_a_script_that_is_seen_and_no_event(
    look: Look, account: dict[str, Any], shown: int, code: str, words: str
) -> None:
    look.account, look.reports = account, [{"sites": {"1": {"injected": shown}}}]
    assert words in look.wrong()[code]


@pytest.mark.usefixtures("door")
def test_a_new_site_without_visits_is_no_fault(look: Look) -> None:
    look.account = {}
    assert look()[-1].code == "no_visits"
    assert look.wrong() == {}


def test_a_real_edge_is_looked_through(tmp_path: Path, look: Look, origin: Served) -> None:
    folder = tmp_path / "edge"
    folder.mkdir()
    edge = EdgeProcess(folder)
    edge.write_sites(origin.url, host="localhost")
    try:
        edge.start()
        look.ports = (free_port(), edge.port)
        found = {check.code: check.found for check in look()}
    finally:
        edge.stop()
    assert found["edge"] is found["script"] is found["beacon"] is Found.FINE
    assert Found.WRONG not in found.values()


def test_the_command_says_what_is_wrong(data: Path, origin: Served) -> None:
    run(data, "site", "add", "nothing.invalid", "--upstream", origin.url)
    said = run(data, "site", "verify", "nothing.invalid")
    assert said.exit_code == 1
    assert "WRONG" in said.stdout
    assert "A or AAAA record" in said.stdout
    rows = json.loads(run(data, "site", "verify", "nothing.invalid", "--json").stdout)
    assert {row["code"] for row in rows} >= {"dns", "injected"}
