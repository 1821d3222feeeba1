"""Plain HTTP to loopback, with a Host of one's choice: what a browser's cache and DNS would do."""

import http.client
import json
from typing import Any

BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)


def fetch(
    port: int,
    path: str,
    *,
    method: str = "GET",
    host: str = "127.0.0.1",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Make one request on a new connection; returns status, lower-case headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, names, answer.read()
    finally:
        connection.close()


def send_beacon(
    port: int, host: str, events: list[dict[str, Any]], *, agent: str = BROWSER, client: str = ""
) -> int:
    """Send a batch to the edge as the tracker does; returns the status."""
    headers = {"User-Agent": agent, "Content-Type": "text/plain", "Accept-Language": "fr-FR,fr"}
    if client:
        headers["X-Forwarded-For"] = client
    body = json.dumps({"v": 1, "e": events}).encode()
    return fetch(port, "/sf/e", method="POST", host=host, body=body, headers=headers)[0]


def query(port: int, token: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Ask the stats API; a refusal is an assertion error with its text."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps(payload).encode()
    status, _, answer = fetch(port, "/api/v2/query", method="POST", body=body, headers=headers)
    assert status == 200, answer
    return dict(json.loads(answer))
