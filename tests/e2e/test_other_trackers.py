"""Published trackers of Plausible and Umami, unchanged, pointed at the edge and at the portal."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page

from statflow.paths import Paths
from statflow.services import running_store_url
from store.client import Store
from tests.e2e.conftest import HOST
from tests.support.npm_clients import MODULES, bundle, install_clients, run_node, umami_script
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(180)]

OTHER = "other.localhost"
PATIENCE_S = 30.0
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    install_clients()


@pytest.fixture
def store(stack: Stack) -> Iterator[Store]:
    url = running_store_url(Paths(stack.data))
    assert url is not None
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def token(stack: Stack, owner: dict[str, Any]) -> str:
    """A token with which a server may send events of the site; the set-up link is spent by then."""
    stack.run("user", "add", "writer@shop.example", "--admin", STATFLOW_PASSWORD="a-long-secret-9")
    made = stack.run(
        "token", "create", "writer@shop.example", "--site", HOST, "--scope", "events:write"
    )
    time.sleep(3)  # The edge learns of it within two seconds.
    return str(json.loads(made)["token"])


def rows(store: Store, path: str, names: set[str]) -> list[dict[str, Any]]:
    """Wait until a page's events of all these names are stored; give them by time."""
    columns = ("name", "path", "props", "revenue_minor", "currency", "scroll", "os", "visitor",
               "interactive", "language", "referrer", "bot", "browser")  # fmt: skip
    sql = f"select {', '.join(columns)} from events where path = {{path:String}} order by ts"
    deadline = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while {row["name"] for row in found} != names:
        assert time.monotonic() < deadline, f"so far {found}"
        time.sleep(0.2)
        found = [dict(zip(columns, row, strict=True)) for row in store.query(sql, {"path": path})]
    return found


@pytest.fixture(scope="module")
def files() -> dict[str, tuple[str, str]]:
    """What the other site serves: path → media type and text."""
    return {}


@pytest.fixture(scope="module")
def origin(files: dict[str, tuple[str, str]], stack: Stack) -> Iterator[str]:
    """Another site, whose pages have another tracker and not ours; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = files.get(self.path, ("text/plain", ""))
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    stack.run("site", "add", OTHER, "--upstream", f"http://127.0.0.1:{server.server_port}")
    stack.run("site", "set", OTHER, "mode=off")
    time.sleep(3)  # The edge learns of it within two seconds.
    yield f"http://{OTHER}:{stack.ports['edge']}"
    server.shutdown()
    server.server_close()


def test_plausibles_tracker_sends_to_the_edge(
    origin: str, files: dict[str, tuple[str, str]], page: Page, store: Store
) -> None:
    client = (MODULES / "@plausible-analytics/tracker/plausible.js").read_text()
    script = f"""
        import {{init, track}} from '/client.js';
        init({{domain: '{OTHER}', endpoint: '/sf/api/event', outboundLinks: true}});
        track('Signup', {{props: {{plan: 'pro'}}, interactive: false,
                          revenue: {{amount: 12.34, currency: 'USD'}},
                          callback: (done) => window.done = done}});
    """
    files["/client.js"] = ("text/javascript", client)
    files["/plausible"] = ("text/html", f"<!doctype html><script type=module>{script}</script>")
    page.goto(origin + "/plausible")
    page.wait_for_function("window.done")
    assert page.evaluate("window.done") == {"status": 202}
    # Hidden, not left: what Chromium sends for a page that is gone has not the agent of the test.
    page.evaluate(
        """
        Object.defineProperty(document, 'visibilityState', {value: 'hidden'});
        document.dispatchEvent(new Event('visibilitychange'));
        """
    )

    found = rows(store, "/plausible", {"pageview", "Signup", "engagement"})
    by_name = {row["name"]: row for row in found}
    signup = by_name["Signup"]
    assert (signup["props"], signup["interactive"]) == ({"plan": "pro"}, False)
    assert (signup["revenue_minor"], signup["currency"]) == (1234, "USD")
    assert by_name["engagement"]["scroll"] == 100
    assert len({row["visitor"] for row in found}) == 1
    assert len(found) == 3


def test_plausibles_older_tracker_sends_to_the_edge(
    origin: str, files: dict[str, tuple[str, str]], page: Page, store: Store
) -> None:
    script = f"""
        import Plausible from '/older.js';
        const {{trackPageview, trackEvent}} = Plausible({{
          domain: '{OTHER}', apiHost: location.origin + '/sf', trackLocalhost: true }});
        trackPageview();
        trackEvent('Signup', {{props: {{plan: 'pro'}}, callback: () => window.done = true}});
    """
    files["/older.js"] = ("text/javascript", bundle("plausible-tracker"))
    html = f"<!doctype html><script type=module>{script}</script>"
    files["/plausible-tracker"] = ("text/html", html)
    page.goto(origin + "/plausible-tracker")
    page.wait_for_function("window.done")

    found = rows(store, "/plausible-tracker", {"pageview", "Signup"})
    assert [row["props"] for row in found if row["name"] == "Signup"] == [{"plan": "pro"}]


def test_umamis_own_script_sends_to_the_edge(
    origin: str, files: dict[str, tuple[str, str]], page: Page, store: Store
) -> None:
    tag = f"<script defer src=/umami.js data-website-id={OTHER} data-host-url={origin}/sf></script>"
    button = "<button data-umami-event=Signup data-umami-event-plan=pro>b</button>"
    files["/umami.js"] = ("text/javascript", umami_script())
    files["/umami-page"] = ("text/html", f"<!doctype html><head>{tag}</head>{button}")
    page.goto(origin + "/umami-page")
    page.wait_for_function("window.umami")
    page.click("button")
    page.evaluate("umami.track('Order', {total: {items: 2}})")

    found = rows(store, "/umami-page", {"pageview", "Signup", "Order"})
    by_name = {row["name"]: row["props"] for row in found}
    assert by_name == {"pageview": {}, "Signup": {"plan": "pro"}, "Order": {"total.items": "2"}}
    assert len({row["visitor"] for row in found}) == 1
    assert len(found) == 3


UMAMI = """
import dns from 'node:dns';
const look = dns.lookup;  // Browsers know where *.localhost is, Node does not.
dns.lookup = (name, ...rest) => look('127.0.0.1', ...rest);
import {{Umami}} from '@umami/node';
const umami = new Umami({{
  websiteId: '{site}', hostUrl: '{url}', userAgent: `{agent}`,
}});
const say = async (answer) => console.log(answer.status, JSON.stringify(await answer.json()));
await say(await umami.track({{hostname: '{site}', url: '{path}', referrer: 'https://a.example/b'}}));
await say(await umami.track({{hostname: '{site}', url: '{path}', name: 'Buy',
                             data: {{seats: 2, plan: {{name: 'pro'}}}}}}));
await say(await umami.identify({{email: 'somebody@a.example'}}));
"""


@pytest.mark.parametrize("door", ["edge", "portal"])
def test_umamis_client_sends_to_the_edge_and_to_the_portal(
    stack: Stack, store: Store, door: str
) -> None:
    url = {
        "edge": f"http://{HOST}:{stack.ports['edge']}/sf",
        "portal": f"http://127.0.0.1:{stack.ports['portal']}",
    }[door]
    path = f"/umami-{door}"
    said = run_node(UMAMI.format(site=HOST, url=url, agent=PHONE, path=path))

    assert said.splitlines() == ['200 {"cache":"","sessionId":"","visitId":""}'] * 3
    found = {row["name"]: row for row in rows(store, path, {"pageview", "Buy"})}
    view, buy = found["pageview"], found["Buy"]  # In one millisecond they have no order.
    assert (view["referrer"], view["os"]) == ("a.example/b", "iOS")
    assert buy["props"] == {"seats": "2", "plan.name": "pro"}


def test_a_server_with_a_token_tells_its_visitors_apart(
    stack: Stack, store: Store, token: str
) -> None:
    script = f"""
        const url = 'http://127.0.0.1:{stack.ports["portal"]}/api/event';
        const send = (address, headers) => fetch(url, {{
          method: 'POST',
          headers: {{'Content-Type': 'application/json', 'User-Agent': `{PHONE}`,
                    'X-Forwarded-For': address, ...headers}},
          body: JSON.stringify({{
            name: 'pageview', url: 'http://{HOST}/by-server', domain: '{HOST}' }}),
        }}).then(async (answer) => console.log(answer.status, await answer.text()));
        const token = {{Authorization: 'Bearer {token}'}};
        await send('198.51.100.1', token);
        await send('198.51.100.2', token);
        await send('198.51.100.3', {{}});
        await send('198.51.100.4', {{}});
    """
    assert run_node(script).split() == ["202", "ok"] * 4
    deadline = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while len(found) < 4:
        assert time.monotonic() < deadline, found
        found = rows(store, "/by-server", {"pageview"})
    assert len({row["visitor"] for row in found}) == 3
    assert {row["os"] for row in found} == {"iOS"}


def test_a_site_that_nobody_has_is_refused_by_the_portal(stack: Stack) -> None:
    script = f"""
        const body = '{{"n": "pageview", "u": "https://b.example/", "d": "b.example"}}';
        const url = 'http://127.0.0.1:{stack.ports["portal"]}/api/event';
        const answer = await fetch(url, {{method: 'POST', body}});
        console.log(answer.status, (await answer.json()).error.code);
    """
    assert run_node(script).split() == ["400", "unknown_site"]
