"""What a real nginx does with its generated configuration: routes, redirects, and a dead edge."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.sites import ClientIpSource, Https
from tests.conformance.asking import MARKUP, get, post, wait_until
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack
from tests.support.nginx_front import NginxStart, start_edge
from tests.support.origin import ok
from tests.support.raw_client import RawClient, Reply, ask


def a_stack(start: NginxStart, folder: Path, **fields: str) -> FrontStack:
    stack = FrontStack(start, folder, **fields)  # type: ignore[arg-type]
    stack.start()
    stack.origin.script("/page", ok(PAGE, HTML))
    return stack


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontStack]:
    """Sites with switches thrown, behind a trusted proxy of this machine."""
    acme = tmp_path_factory.mktemp("acme")
    (acme / "token-1").write_text("token-1.thumb")
    (acme / ".well-known" / "acme-challenge").mkdir(parents=True)
    (acme / ".well-known" / "acme-challenge" / "token_2").write_text("token_2.thumb")
    (acme / "secret").symlink_to("/etc/hostname")
    sites = {
        1: {
            "https": Https.REDIRECT_HSTS,
            "canonical_host": "shop.localhost",
            "aliases": ("www.wild.localhost", "127.0.0.1"),
        },
        2: {"maintenance": True, "client_ip": ClientIpSource.CF_CONNECTING_IP},
        9: {"prefix": "/a-b/c", "script_name": "main"},
    }
    start = NginxStart(
        {"acme_dir": str(acme), "names": {9: ("/bafe/nol", "/bafe/mod/")}},
        sites=sites,
        default_host="renamed.localhost",
        edit=lambda text: "user root;\n" + text,  # The tests' folders are their user's alone.
    )
    stack = a_stack(start, tmp_path_factory.mktemp("nginx"), trusted="loopback")
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontStack]:
    stack = a_stack(NginxStart(), tmp_path_factory.mktemp("nginx"))
    yield stack
    stack.stop()


def https(stack: FrontStack, request: bytes, name: str = "shop.localhost") -> Reply:
    with RawClient(stack.tls_port, context=stack.client_context(), name=name) as client:
        return client.ask(request)


@pytest.mark.parametrize(
    ("fields", "through_edge"),
    [
        (("Sec-Fetch-Dest: document",), True),
        (("Sec-Fetch-Dest: iframe",), True),
        (("Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: navigate"), True),
        (("Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: cors"), False),
        (("Sec-Fetch-Dest: image",), False),
        (("Sec-Fetch-Dest: document", "HX-Request: true"), False),
        (("Sec-Fetch-Dest: document", "Turbo-Frame: x"), False),
        (("Sec-Fetch-Dest: document", "X-PJAX: true"), False),
        (("Sec-Fetch-Dest: document", "X-Requested-With: XMLHttpRequest"), False),
        (("Sec-Fetch-Dest: document", "X-Requested-With: org.example.app"), True),
        (("X-Requested-With: org.example.app",), False),
        ((), True),
        (("Accept: */*",), True),
        (("Accept: text/html,application/xhtml+xml,*/*;q=0.8",), True),
        (("Accept: image/avif,image/webp,*/*",), False),
        (("Accept: application/json",), False),
        (("Sec-Fetch-Dest: image", 'If-None-Match: W/"v1.sf0000000000s"'), True),
        (("Content-Length: 0",), True),
    ],
    ids=str,
)
def test_pages_and_only_pages_go_through_the_edge(
    plain: FrontStack, fields: tuple[str, ...], through_edge: bool
) -> None:
    plain.served.clear()
    assert ask(plain.port, get("/page", *fields)).status == 200
    if through_edge:
        wait_until(lambda: len(plain.served) == 1)
    else:
        time.sleep(0.05)
        assert plain.served == []


@pytest.mark.parametrize("path", ["/page.css", "/page.JS?v=1", "/a/page.woff2"])
def test_an_asset_by_its_ending_is_native(plain: FrontStack, path: str) -> None:
    plain.origin.script(path.partition("?")[0], ok(PAGE, HTML))

    assert MARKUP not in ask(plain.port, get(path, "Accept: */*")).body


def test_http_is_redirected_to_https_in_one_step(configured: FrontStack) -> None:
    suffix = f":{configured.tls_port}"
    read = ask(configured.port, get("/a%2fb?c=d", host="www.wild.localhost"))
    write = ask(configured.port, post("/page", 2, host="shop.localhost:81") + b"hi")

    assert (read.status, read.value("location")) == (301, b"https://shop.localhost/a%2fb?c=d")
    assert (write.status, write.value("location")) == (
        308,
        f"https://shop.localhost{suffix}/page".encode(),
    )
    assert read.value("cache-control") == b"no-store"
    assert b"nginx" not in read.body.lower()
    assert read.values("strict-transport-security") == []


def test_https_of_another_name_goes_to_the_canonical_one(configured: FrontStack) -> None:
    host = f"www.wild.localhost:{configured.tls_port}"
    reply = https(configured, get("/page", host=host), "www.wild.localhost")

    assert reply.status == 301
    assert reply.value("location") == f"https://shop.localhost:{configured.tls_port}/page".encode()
    assert reply.value("strict-transport-security") == b"max-age=31536000"


@pytest.mark.parametrize("dest", ["document", "image"])
def test_https_answers_carry_hsts_once(configured: FrontStack, dest: str) -> None:
    reply = https(configured, get("/page", f"Sec-Fetch-Dest: {dest}"))

    assert (reply.status, MARKUP in reply.body) == (200, dest == "document")
    assert reply.values("strict-transport-security") == [b"max-age=31536000"]


def test_a_trusted_proxy_may_have_spoken_tls(configured: FrontStack) -> None:
    assert ask(configured.port, get("/page", "X-Forwarded-Proto: https")).status == 200


def test_our_endpoints_are_not_redirected(configured: FrontStack) -> None:
    assert ask(configured.port, get("/sf/tracker.js")).body == b"/* tracker */"


def test_maintenance_is_a_503_of_ours(configured: FrontStack) -> None:
    reply = ask(configured.port, get("/page", host="blog.localhost"))
    script = ask(configured.port, get("/sf/tracker.js", host="blog.localhost"))

    assert (reply.status, reply.value("retry-after")) == (503, b"300")
    assert b"being worked on" in reply.body
    assert b"nginx" not in reply.body
    assert script.status == 200


@pytest.mark.parametrize(
    ("token", "body"), [("token-1", b"token-1.thumb"), ("token_2", b"token_2.thumb")]
)
def test_a_challenge_is_answered_from_the_folder(
    configured: FrontStack, token: str, body: bytes
) -> None:
    reply = ask(configured.port, get(f"/.well-known/acme-challenge/{token}"))

    assert (reply.status, reply.body) == (200, body)


@pytest.mark.parametrize("token", ["unknown", "secret", "..%2fsites"])
def test_any_other_challenge_is_the_origins(configured: FrontStack, token: str) -> None:
    configured.origin.take()
    path = f"/.well-known/acme-challenge/{token}"
    reply = ask(configured.port, get(path, "X-Forwarded-Proto: https"))

    assert reply.status == 200
    assert [seen.line.split()[1].decode() for seen in configured.origin.take()] == [path]


def test_the_default_site_answers_for_strangers(configured: FrontStack) -> None:
    configured.origin.take()
    assert ask(configured.port, get("/page", host="nobody.localhost")).status == 200
    assert configured.origin.take()[0].value(b"host") == b"inner.example"


def test_a_prefix_and_names_of_ones_own(configured: FrontStack) -> None:
    configured.origin.take()
    for path in ("/a-b/c/e", "/bafe/nol", "/bafe/mod/1.js"):
        assert ask(configured.port, get(path, host="renamed.localhost")).status in {200, 202, 405}

    seen = [(one.line, one.values(b"x-sf-front")) for one in configured.origin.take()]
    assert seen == [(b"GET /bafe/nol HTTP/1.1", []), (b"GET /bafe/mod/1.js HTTP/1.1", [])]


def test_the_edge_is_told_the_clients_address(configured: FrontStack) -> None:
    configured.endpoints.asked.clear()
    chain = "X-Forwarded-For: 9.9.9.9, 1.2.3.4, 127.0.0.1"
    ask(configured.port, get("/sf/tracker.js", chain))
    ask(configured.port, get("/sf/tracker.js", "CF-Connecting-IP: 5.6.7.8", host="blog.localhost"))

    asked = [str(request.address) for request in configured.endpoints.asked]
    assert asked == ["1.2.3.4", "5.6.7.8"]


def test_a_stranger_cannot_name_its_address(plain: FrontStack) -> None:
    plain.endpoints.asked.clear()
    claims = ("X-Forwarded-For: 1.2.3.4", "CF-Connecting-IP: 1.2.3.4", "X-Sf-Front: 1")
    ask(plain.port, get("/sf/tracker.js", *claims))

    assert [str(request.address) for request in plain.endpoints.asked] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("cookie", "sent"),
    [
        ("sf_out=1", []),
        ("a=1; sf_out=1", [b"a=1"]),
        ("sf_out=1; a=1", [b"a=1"]),
        ("a=1; sf_out=1; b=2; sf_out=1", [b"a=1; b=2"]),
        ("xsf_out=1; sf_out=11; sf_out=", [b"xsf_out=1; sf_out=11; sf_out="]),
        ("sf_out=1; sf_out=1; sf_out=1", []),
    ],
)
def test_exactly_our_cookie_stops_natively(
    plain: FrontStack, cookie: str, sent: list[bytes]
) -> None:
    plain.origin.take()
    ask(plain.port, get("/echo", "Sec-Fetch-Dest: image", f"Cookie: {cookie}"))

    assert plain.origin.take()[0].values(b"cookie") == sent


def test_a_dead_edge_costs_the_tag_and_not_one_page(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    start = NginxStart()
    stack = a_stack(start, tmp_path_factory.mktemp("nginx"))
    bodies: list[bytes] = []
    stop = threading.Event()

    def load() -> None:
        with RawClient(stack.port) as client:
            while not stop.is_set():
                reply = client.ask(get("/page"))
                assert (reply.status, reply.complete) == (200, True)
                bodies.append(reply.body)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(bodies) > 50)
    assert start.edge is not None
    stack.run(start.edge.drain(0))
    died_at = len(bodies)
    wait_until(lambda: len(bodies) > died_at + 100)
    stop.set()
    for thread in threads:
        thread.join()
    stack.stop()

    assert set(bodies) == {PAGE, bodies[0]}
    assert bodies[0].replace(MARKUP, b"") == PAGE != bodies[0]
    assert set(bodies[-50:]) == {PAGE}


def test_a_dead_edge_takes_no_write_along(tmp_path_factory: pytest.TempPathFactory) -> None:
    start = NginxStart({"edge": "127.0.0.1:1"})
    stack = a_stack(start, tmp_path_factory.mktemp("nginx"))
    beacon = ask(stack.port, post("/sf/e", 2) + b"hi")
    marked = ask(
        stack.port,
        post("/page", 2).replace(b"\r\n\r\n", b'\r\nIf-Match: W/"v1.sfabcs"\r\n\r\n') + b"hi",
    )
    perhaps_ours = ask(stack.port, post("/sf/other", 2) + b"hi")
    under_prefix = ask(stack.port, get("/sf/other"))
    written = ask(stack.port, post("/echo", 2) + b"hi")
    seen = [one.line for one in stack.origin.take()]
    stack.stop()

    assert (beacon.status, marked.status, perhaps_ours.status) == (502, 502, 502)
    assert beacon.value("cache-control") == b"no-store"
    assert (under_prefix.status, written.status) == (200, 200)
    assert seen == [b"GET /sf/other HTTP/1.1", b"POST /echo HTTP/1.1"]
    assert (start.server.folder / "stderr").read_bytes() == b""


def test_a_hanging_edge_is_left_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hanging:
        port = hanging.getsockname()[1]
        start = NginxStart(
            {"edge": f"127.0.0.1:{port}"},
            edit=lambda text: text.replace("proxy_read_timeout 65s;", "proxy_read_timeout 300ms;"),
        )
        stack = a_stack(start, tmp_path_factory.mktemp("nginx"))
        bodies, took = [], []
        for _ in range(6):
            began = time.monotonic()
            bodies.append(ask(stack.port, get("/page")).body)
            took.append(time.monotonic() - began)
        stack.stop()

    assert set(bodies) == {PAGE}
    assert min(took[:3]) > 0.29
    assert sum(took[3:]) < min(took[:3])


def test_a_restarted_edge_is_used_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    start = NginxStart(edit=lambda text: text.replace("fail_timeout=10s", "fail_timeout=1s"))
    stack = a_stack(start, tmp_path_factory.mktemp("nginx"))
    assert start.edge is not None
    port = start.edge._servers[0].sockets[0].getsockname()[1]
    stack.run(start.edge.drain(0))
    assert MARKUP not in ask(stack.port, get("/page")).body
    start.edge, _ = stack.run(start_edge(stack.parts, port))
    wait_until(lambda: MARKUP in ask(stack.port, get("/page")).body)
    stack.stop()


def test_websocket_and_event_streams_are_never_the_edges(plain: FrontStack) -> None:
    plain.served.clear()
    upgrade = get("/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: a")

    assert ask(plain.port, upgrade).status == 101
    assert b"data: 1" in ask(plain.port, get("/events", "Accept: text/event-stream")).body
    assert plain.served == []
