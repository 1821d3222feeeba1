"""A real Firefox, driven by WebDriver BiDi over its own debugging port: no driver in between.

Playwright speaks to a Firefox of its own only. A ``Tab`` has the few calls that the tests need, by
Playwright's names, so what waits for a page of Chromium waits for one of these too. The one
invariant: an error that the page hears of is in ``Tab.heard``.
"""

import asyncio
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

FIREFOX = "/usr/bin/firefox-esr"
PATIENCE_S = 30.0
ENTER = "\ue007"
_BUTTONS = {"left": 0, "middle": 1, "right": 2}
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES = {
    # Nothing of its own over the network, no page of its own, no add-on of the system's.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.enabledScopes": 0,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "security.remote_settings.crlite_filters.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
    # A site's process does not end with its last page: where it does, Firefox stops the page's scripts
    # wherever they are and refuses their requests, so last words are no promise (tracker/ARCHITECTURE.md).
    "fission.webContentIsolationStrategy": 0,
    # Windows of tests have no screen, and are in front all the same.
    "focusmanager.testmode": True,
}


class FirefoxError(Exception):
    """Firefox refused a command; the message is its own."""


class Firefox:
    """A running Firefox; commands may come from one thread."""

    def __init__(self, socket: ClientWebSocketResponse, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = socket
        self._loop = loop
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.tabs: dict[str, Tab] = {}

    def send(self, method: str, **params: Any) -> Any:
        """Send a command; returns its result.

        Raises:
            FirefoxError: It was refused.
        """
        answer = asyncio.run_coroutine_threadsafe(self._ask(method, params), self._loop)
        message = answer.result(PATIENCE_S)
        if message["type"] == "error":
            raise FirefoxError(f"{method}: {message['message']}")
        return message["result"]

    async def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._waiting[number] = self._loop.create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await answer

    async def listen(self) -> None:
        """Hand answers to who waits for them, and errors of pages to their tabs."""
        async for raw in self._socket:
            message = json.loads(raw.data)
            if message["type"] == "event":
                self._note(message["params"])
            elif message.get("id") in self._waiting:
                self._waiting.pop(message["id"]).set_result(message)

    def _note(self, entry: dict[str, Any]) -> None:
        tab = self.tabs.get(entry.get("source", {}).get("context", ""))
        if tab is not None and (entry["type"], entry["level"]) == ("javascript", "error"):
            tab.heard.append(entry["text"])

    @contextmanager
    def open_tab(self) -> Iterator["Tab"]:
        """Open a tab of a visitor of its own."""
        user = self.send("browser.createUserContext")["userContext"]
        tab = self.send("browsingContext.create", type="tab", userContext=user)["context"]
        self.tabs[tab] = opened = Tab(self, tab, user)
        self.send("browsingContext.activate", context=tab)
        try:
            yield opened
        finally:
            del self.tabs[tab]
            self.send("browser.removeUserContext", userContext=user)


class Tab:
    """One tab; the names are Playwright's."""

    def __init__(self, firefox: Firefox, context: str, user: str) -> None:
        self._firefox = firefox
        self.context = context
        self._user = user
        self.heard: list[str] = []

    def _send(self, method: str, **params: Any) -> Any:
        return self._firefox.send(method, context=self.context, **params)

    def goto(self, url: str) -> None:
        self._send("browsingContext.navigate", url=url, wait="complete")

    def go_back(self) -> None:
        self._send("browsingContext.traverseHistory", delta=-1)

    def add_init_script(self, script: str) -> None:
        self._firefox.send(
            "script.addPreloadScript",
            functionDeclaration=f"() => {{ {script} }}",
            contexts=[self.context],
        )

    def add_cookie(self, url: str, name: str, value: str) -> None:
        host = url.partition("://")[2].partition(":")[0]
        cookie = {"name": name, "value": {"type": "string", "value": value}, "domain": host}
        partition = {"type": "storageKey", "userContext": self._user}
        self._firefox.send("storage.setCookie", cookie=cookie, partition=partition)

    def evaluate(self, script: str) -> Any:
        """Run statements; returns the last one's value, of an element what names it."""
        target = {"context": self.context}
        found = self._firefox.send(
            "script.evaluate", expression=script, target=target, awaitPromise=True
        )
        if found["type"] == "exception":
            raise FirefoxError(found["exceptionDetails"]["text"])
        return found["result"].get("sharedId", found["result"].get("value"))

    def wait_for_timeout(self, ms: float) -> None:
        time.sleep(ms / 1_000)

    def wait_for_function(self, script: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(script):
            assert time.monotonic() < deadline, f"never: {script}"
            self.wait_for_timeout(20)

    def click(self, selector: str, button: str = "left") -> None:
        element = self.evaluate(f"document.querySelector({json.dumps(selector)})")
        origin = {"type": "element", "element": {"sharedId": element}}
        pressed = {"button": _BUTTONS[button]}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", **pressed},
            {"type": "pointerUp", **pressed},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": moves})

    def press(self, key: str) -> None:
        presses = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._act({"type": "key", "id": "keyboard", "actions": presses})

    def _act(self, source: dict[str, Any]) -> None:
        self._send("input.performActions", actions=[source])


@contextmanager
def launch_firefox(folder: Path) -> Iterator[Firefox]:
    """Start Firefox with a profile in a folder."""
    profile = folder / "profile"
    profile.mkdir(parents=True)
    lines = (f"user_pref({json.dumps(n)}, {json.dumps(v)});" for n, v in _PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(lines))
    log = folder / "firefox.log"
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--remote-debugging-port", "0"], stdout=output, stderr=output
        )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        url = _find_port(process, log)
        with _connected(f"{url}/session", loop) as firefox:
            yield firefox
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


def _find_port(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE_S * 2
    while not (found := _LISTENING.search(log.read_text(errors="replace"))):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, "Firefox opens no port"
        time.sleep(0.05)
    return found[1]


@contextmanager
def _connected(url: str, loop: asyncio.AbstractEventLoop) -> Iterator[Firefox]:
    async def connect() -> tuple[ClientSession, Firefox, asyncio.Task[None]]:
        session = ClientSession()
        firefox = Firefox(await session.ws_connect(url, max_msg_size=0), loop)
        return session, firefox, loop.create_task(firefox.listen())

    session, firefox, listening = asyncio.run_coroutine_threadsafe(connect(), loop).result(30)
    try:
        firefox.send("session.new", capabilities={})
        firefox.send("session.subscribe", events=["log.entryAdded"])
        yield firefox
    finally:
        asyncio.run_coroutine_threadsafe(_end(session, listening), loop).result(PATIENCE_S)


async def _end(session: ClientSession, listening: asyncio.Task[None]) -> None:
    await session.close()
    await asyncio.gather(listening, return_exceptions=True)
