"""What an operator does with an edge, done to a real one: DESIGN 5.6, as processes and sockets."""

import http.client
import json
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.edge_process import SHOP, EdgeProcess
from tests.support.raw_client import RawClient, Reply, ask
from tests.support.steady_origin import PAGE, SteadyOrigin

WWW = "www.shop.localhost"
AGENT = "Mozilla/5.0 (Secret)"


@pytest.fixture(scope="module")
def origin() -> Iterator[SteadyOrigin]:
    with SteadyOrigin() as started:
        yield started


class Served:
    """An edge with certificates, whose sites are swapped between tests."""

    def __init__(self, folder: Path, origin: SteadyOrigin, front: str, **environment: str) -> None:
        self.authority = Authority(folder)
        self.tls_dir, self.acme_dir = folder / "tls", folder / "acme"
        self.acme_dir.mkdir()
        self.authority.write_pair(self.tls_dir / SHOP, SHOP, WWW)
        self.origin, self.number = origin, 0
        options = ["--front", front, "--tls-dir", str(self.tls_dir), "--tls-port"]
        data = folder / "data"
        data.mkdir()
        self.edge = EdgeProcess(data, ACME_DIR=str(self.acme_dir), **environment)
        self.edge.options = (*options, str(self.edge.tls_port))

    def serve(self, **fields: Any) -> None:
        """Change the site and let the edge know."""
        self.number += 1
        self.edge.write_sites(self.origin.url, number=self.number, aliases=[WWW], **fields)
        if self.edge.process is not None:
            self.hang_up()

    def hang_up(self) -> None:
        assert self.edge.process is not None
        read = self._times_read()
        self.edge.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self._times_read() > read)

    def _times_read(self) -> int:
        return self.edge.log.read_text().count("read sites and certificates again")

    def plain(self, path: str, *fields: str, host: str = SHOP, method: str = "GET") -> Reply:
        return ask(self.edge.port, a_request(method, path, f"{host}:{self.edge.port}", *fields))

    def secure(self, path: str, *fields: str, host: str = SHOP, method: str = "GET") -> Reply:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        with RawClient(self.edge.tls_port, context=context, name=host) as client:
            return client.ask(a_request(method, path, f"{host}:{self.edge.tls_port}", *fields))


def a_request(method: str, path: str, host: str, *fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["auto", "mitmproxy"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, origin: SteadyOrigin
) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("edge"), origin, request.param)
    served.serve()
    try:
        served.edge.start()
        yield served
    finally:
        served.edge.stop()


@pytest.fixture
def served(shared: Served) -> Served:
    """The edge with a site that has no switch set."""
    shared.serve()
    return shared


@pytest.fixture
def make_edge(tmp_path: Path) -> Iterator[Callable[..., EdgeProcess]]:
    made: list[EdgeProcess] = []

    def make(*options: str, **environment: str) -> EdgeProcess:
        made.append(EdgeProcess(tmp_path, *options, **environment))
        return made[-1]

    yield make
    for edge in made:
        if edge.process is not None and edge.process.poll() is None:
            edge.stop()


def test_auto_is_direct_on_the_plain_port_and_mitmproxy_on_the_tls_port(
    tmp_path: Path, origin: SteadyOrigin
) -> None:
    served = Served(tmp_path, origin, "auto")
    served.serve()
    edge = served.edge.start()
    try:
        with RawClient(edge.port):
            wait_until(lambda: 'statflow_connections{front="direct"} 1.0' in edge.metrics())
        with socket.create_connection(("127.0.0.1", edge.tls_port)):
            wait_until(lambda: 'statflow_connections{front="mitmproxy"} 1.0' in edge.metrics())
        assert b"/sf/" in served.secure("/").body
    finally:
        edge.stop()


@pytest.mark.parametrize(
    ("options", "environment", "sentence"),
    [
        (("--front", "direct", "--tls-port", "1"), {}, "the direct front serves no TLS"),
        (("--front", "mitmproxy"), {"PROXY_PROTOCOL": "1"}, "does not read the PROXY protocol"),
        (("--tls-port", "1"), {"TLS_DIR": "/nowhere"}, "no certificates: /nowhere"),
    ],
)
def test_what_a_front_cannot_do_is_said_in_a_sentence(
    make_edge: Callable[..., EdgeProcess],
    tmp_path: Path,
    options: tuple[str, ...],
    environment: dict[str, str],
    sentence: str,
) -> None:
    edge = make_edge(*options, **{"TLS_DIR": str(tmp_path), **environment})

    assert edge.spawn().wait(30) == 1
    assert sentence in edge.log.read_text()
    assert "Traceback" not in edge.log.read_text()


def test_a_hangup_brings_new_certificates_at_once(served: Served) -> None:
    def shown() -> bytes | None:
        context = ssl.create_default_context(cafile=str(served.authority.path))
        with RawClient(served.edge.tls_port, context=context) as client:
            return client.socket.getpeercert(binary_form=True)  # type: ignore[attr-defined,no-any-return]

    before = shown()
    served.authority.write_pair(served.tls_dir / SHOP, SHOP, WWW)
    served.hang_up()

    assert shown() != before


def test_browsers_are_sent_to_https_with_hsts(served: Served) -> None:
    served.serve(https="redirect+hsts")
    tls = served.edge.tls_port
    plain = served.plain("/a%2Fb?c=d&e")
    posted = served.plain("/form", method="POST")
    secure = served.secure("/a")

    assert (plain.status, posted.status) == (301, 308)
    assert plain.value("location") == f"https://{SHOP}:{tls}/a%2Fb?c=d&e".encode()
    assert plain.value("cache-control") == b"no-store"
    assert not plain.values("strict-transport-security")
    assert secure.values("strict-transport-security") == [b"max-age=31536000"]
    assert secure.status == 200


def test_a_stranger_cannot_claim_https(served: Served) -> None:
    served.serve(https="redirect")

    assert served.plain("/", "X-Forwarded-Proto: https").status == 301
    assert not served.secure("/").values("strict-transport-security")


def test_head_gets_a_redirect_without_a_body(served: Served) -> None:
    served.serve(https="redirect")
    reply = served.plain("/", method="HEAD")

    assert (reply.status, reply.body) == (301, b"")


def test_pages_have_one_host(served: Served) -> None:
    served.serve(canonical_host=WWW)
    plain, secure = served.plain("/x?y"), served.secure("/x?y")

    assert plain.value("location") == f"http://{WWW}:{served.edge.port}/x?y".encode()
    assert secure.value("location") == f"https://{WWW}:{served.edge.tls_port}/x?y".encode()
    assert served.plain("/", host=WWW).status == 200
    assert served.secure("/", host=WWW).status == 200


def test_maintenance_is_a_page_of_ours_and_endpoints_go_on(served: Served) -> None:
    served.serve(maintenance=True)
    for reply in (served.plain("/anything"), served.secure("/anything")):
        assert reply.status == 503
        assert reply.value("retry-after") == b"300"
        assert reply.value("cache-control") == b"no-store"
        assert b"worked on" in reply.body
    assert served.plain("/sf/opt-out").status == 200
    assert served.secure("/sf/opt-out").status == 200


def test_challenges_come_from_the_folder_else_from_the_origin(served: Served) -> None:
    served.serve(https="redirect", maintenance=True)
    (served.acme_dir / "token").write_text("token.thumb")
    path = "/.well-known/acme-challenge/"

    assert served.plain(path + "token").body == b"token.thumb"
    assert served.secure(path + "token").body == b"token.thumb"
    assert b"hello" in served.plain(path + "other").body
    assert b"hello" in served.plain(path + "../data/sites.json").body


def test_an_unknown_host_is_nobodys_unless_the_operator_chose_a_site(
    make_edge: Callable[..., EdgeProcess], origin: SteadyOrigin
) -> None:
    edge = make_edge(DEFAULT_SITE=SHOP)
    edge.write_sites(origin.url, https="off")
    edge.start()

    assert ask(edge.port, a_request("GET", "/", "somebody.example")).status == 200


def test_an_unknown_host_is_nobodys(served: Served) -> None:
    assert served.plain("/", host="somebody.example").status == 421


@pytest.mark.parametrize("front", ["direct", "mitmproxy"])
def test_the_next_upstream_serves_when_the_first_does_not_connect(
    make_edge: Callable[..., EdgeProcess], origin: SteadyOrigin, front: str
) -> None:
    edge = make_edge("--front", front)
    edge.write_sites("http://127.0.0.1:1", origin.url)
    edge.start()
    for _ in range(5):
        assert b"hello" in ask(edge.port, a_request("GET", "/", SHOP)).body

    assert 'statflow_origin_failures_total{site="1"} 3.0' in edge.metrics()
    assert 'statflow_origin_skips_total{site="1"} 1.0' in edge.metrics()


@pytest.mark.parametrize("front", ["direct", "mitmproxy"])
def test_an_upstream_outside_the_allowed_ranges_is_not_talked_to(
    make_edge: Callable[..., EdgeProcess], origin: SteadyOrigin, front: str
) -> None:
    edge = make_edge("--front", front, UPSTREAM_RANGES="10.0.0.0/8")
    edge.write_sites(origin.url)
    edge.start()
    asked = len(origin.heads)
    reply = ask(edge.port, a_request("GET", "/", SHOP))

    assert reply.status == 502
    assert len(origin.heads) == asked
    assert b"127.0.0.1" not in reply.head + reply.body


@pytest.mark.parametrize("front", ["direct", "mitmproxy"])
def test_ipv6_on_both_sides(make_edge: Callable[..., EdgeProcess], front: str) -> None:
    with SteadyOrigin("::1") as origin:
        edge = make_edge("--front", front, "--bind", "127.0.0.1,::1")
        edge.write_sites(origin.url, aliases=["[::1]"])
        edge.start()
        client = http.client.HTTPConnection("::1", edge.port, timeout=10)
        client.request("GET", "/", headers={"X-Forwarded-For": "192.0.2.1"})
        answer = client.getresponse()

        assert (answer.status, b"hello" in answer.read()) == (200, True)
        head = origin.heads[-1]
        assert b"Host: [::1]:%d\r\n" % edge.port in head
        assert b"X-Forwarded-For: ::1\r\n" in head
        assert b'for="[::1]"' in head
        assert ask(edge.port, a_request("GET", "/", SHOP)).status == 200
        client.close()


@pytest.mark.parametrize("front", ["direct", "mitmproxy"])
def test_a_line_for_each_request_names_nobody(
    make_edge: Callable[..., EdgeProcess], origin: SteadyOrigin, front: str
) -> None:
    edge = make_edge("--front", front, LOG_REQUESTS="1", DEBUG="1")
    edge.write_sites(origin.url)
    edge.start()
    fields = (f"User-Agent: {AGENT}", "X-Forwarded-For: 192.0.2.77", "Cookie: secret=1")
    page = ask(edge.port, a_request("GET", "/jane@doe.example?secret=1", SHOP, *fields))
    script = ask(edge.port, a_request("HEAD", "/sf/opt-out", SHOP, *fields))
    refused = ask(edge.port, a_request("GET", "/", "nobody.example", *fields))
    assert (page.status, script.status, refused.status) == (200, 200, 421)
    wait_until(lambda: len(_requests(edge)) == 3)
    edge.stop()
    found = {line["outcome"]: line for line in _requests(edge)}

    assert found["page"]["site"] == 1
    assert found["page"]["bytes"] == len(page.body) > len(PAGE)
    assert (found["own"]["method"], found["own"]["bytes"]) == ("HEAD", 0)
    assert (found["refused"]["site"], found["refused"]["status"]) == (0, 421)
    assert found["refused"]["id"] == refused.value("x-request-id").decode()
    text = edge.log.read_text()
    for secret in ("127.0.0.1:", "127.0.0.1'", "192.0.2.77", "Secret", "jane", "secret=1"):
        assert secret not in text


def _requests(edge: EdgeProcess) -> list[dict[str, Any]]:
    return [line for line in edge.log_lines() if line["kind"] == "request"]


def test_requests_are_not_logged_unless_asked_for(served: Served) -> None:
    served.plain("/")

    assert _requests(served.edge) == []
    assert all(json.loads(line) for line in served.edge.log.read_text().splitlines())


def test_readiness_is_about_serving_pages(
    make_edge: Callable[..., EdgeProcess], origin: SteadyOrigin
) -> None:
    edge = make_edge(DRAIN_S="5")
    process = edge.spawn()
    wait_until(lambda: edge.readyz()[0] == 503)
    assert edge.readyz()[1]["checks"]["sites"] == "no sites yet"
    edge.write_sites(origin.url)
    wait_until(lambda: edge.readyz()[0] == 200)
    assert edge.readyz()[1]["checks"]["buffer"] == "Redis does not answer"
    with RawClient(edge.port) as client:
        client.send(b"GET / HTTP/1.1\r\n")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: edge.readyz()[1].get("checks", {}).get("serving") == "going down")
    assert process.wait(20) == 0


def test_a_balancer_says_by_the_proxy_protocol_who_the_client_is(
    make_edge: Callable[..., EdgeProcess], origin: SteadyOrigin
) -> None:
    edge = make_edge(PROXY_PROTOCOL="1", TRUSTED_PROXIES="loopback")
    edge.write_sites(origin.url)
    edge.start()
    header = b"PROXY TCP4 203.0.113.9 127.0.0.1 40000 80\r\n"

    with RawClient(edge.port) as client:
        assert client.ask(header + a_request("GET", "/", SHOP), method=b"GET").status == 200
    assert b"X-Forwarded-For: 203.0.113.9\r\n" in origin.heads[-1]


def test_http3_is_offered_where_an_operator_asks_for_it(
    tmp_path: Path, origin: SteadyOrigin, served: Served
) -> None:
    assert not served.secure("/").values("alt-svc")
    with_http3 = Served(tmp_path, origin, "auto", HTTP3="1")
    with_http3.serve()
    with_http3.edge.start()
    try:
        offered = with_http3.secure("/").value("alt-svc")
    finally:
        with_http3.edge.stop()

    assert offered.startswith(b'h3=":%d"' % with_http3.edge.tls_port)
