"""``statflow up --demo``: serves before it is seeded, keeps its data, ends cleanly."""

import http.client
import re
import signal
import ssl
import time

import pytest

from tests.support.stack import Stack
from tests.support.web import BROWSER, fetch, query, send_beacon

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(240)]

HOST = "shop.localhost"
SEEDING_S = 120.0


def test_the_demo_from_first_start_to_second() -> None:
    stack = Stack("--demo", "--workers", "2")
    try:
        stack.start()
        assert_serves(stack)
        email = stack.run_json["login"]["email"]
        printed = stack.run("token", "create", email, "--site", HOST)
        token = str(re.findall(r"sft_[\w-]+", printed)[0])
        wait_until_seeded(stack)
        assert stack.process is not None
        stack.process.send_signal(signal.SIGHUP)
        before = ninety_days(stack, token)
        assert 20_000 < before["visits"] < 40_000
        assert before["pageviews"] > before["visits"]

        assert stack.log.read_text().count("read sites and certificates again") == 2
        assert stack.stop() == 0
        assert not (stack.data / "run.json").exists()
        stack.start()
        assert_serves(stack)
        page = {"n": "pageview", "u": f"http://{HOST}/about"}
        assert send_beacon(stack.ports["edge"], HOST, [page]) == 202
        deadline = time.monotonic() + 30
        while ninety_days(stack, token) == before:
            assert time.monotonic() < deadline, "the second start stores nothing"
            time.sleep(0.2)
        assert ninety_days(stack, token) == {name: n + 1 for name, n in before.items()}
    finally:
        stack.remove()


def assert_serves(stack: Stack) -> None:
    document = {"User-Agent": BROWSER, "Sec-Fetch-Dest": "document"}
    status, _, page = fetch(stack.ports["edge"], "/", headers=document)
    assert status == 200
    assert page.count(b'<script async="async" src="/sf/') == 1
    assert page_over_tls(stack).count(b'<script async="async" src="/sf/') == 1
    assert fetch(stack.ports["portal"], "/login")[0] == 200
    assert fetch(stack.ports["private"], "/readyz")[0] == 200
    metrics = fetch(stack.ports["private"], "/metrics")[2]
    assert b"statflow_documents_total" in metrics
    assert b"statflow_forwarder_lag_events" in metrics
    assert stack.run("doctor")


def page_over_tls(stack: Stack) -> bytes:
    """Fetch the shop's page from the TLS port, trusting the demo's own certificate alone."""
    certificate = stack.data / "demo_tls" / HOST / "fullchain.pem"
    context = ssl.create_default_context(cafile=str(certificate))
    port = stack.ports["edge-tls"]
    assert stack.run_json["urls"]["edge_tls"] == f"https://{HOST}:{port}"
    client = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
    try:
        client.request("GET", "/", headers={"User-Agent": BROWSER, "Sec-Fetch-Dest": "document"})
        return client.getresponse().read()
    finally:
        client.close()


def wait_until_seeded(stack: Stack) -> None:
    deadline = time.monotonic() + SEEDING_S
    while "events of the last 90 days" not in stack.log.read_text():
        assert time.monotonic() < deadline, stack.log.read_text()
        time.sleep(0.2)


def ninety_days(stack: Stack, token: str) -> dict[str, int]:
    metrics = ["visitors", "visits", "pageviews"]
    payload = {"site_id": HOST, "metrics": metrics, "date_range": "all"}
    answer = query(stack.ports["portal"], token, payload)
    return dict(zip(metrics, answer["results"][0]["metrics"], strict=True))
