"""Serving until a signal ends it."""

import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

from portal.imports.tickets import Tickets
from tests.support.stack import free_port

_PROGRAM = """
import sys, time
from flask import Flask, request
from portal.serve import serve

app = Flask("served")
app.secret_key = "only for tests"

@app.get("/")
def slow() -> str:
    time.sleep(0.3)
    return "done"

@app.post("/")
def count() -> str:
    return str(len(request.get_data()))

serve(app, "127.0.0.1", int(sys.argv[1]), 2, 3 << 20)
print("ended well")
"""


def test_serves_and_ends_on_sigterm() -> None:
    port = free_port()
    command = [sys.executable, "-c", _PROGRAM, str(port)]
    process = subprocess.Popen(command, cwd=Path.cwd(), stdout=subprocess.PIPE, text=True)
    assert _body(port) == "done"
    good = f"/?ticket={Tickets('only for tests').make(1)}"
    assert [_post(port, path, 2 << 20) for path in ("/", "/?ticket=x", good)] == [413, 413, 200]
    assert _post(port, good, 5 << 20) == 413
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.strip() == "ended well"


def _post(port: int, path: str, size: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, headers={"Content-Length": str(size)})
        with suppress(OSError):  # Who is refused is told before all is sent.
            connection.send(b"x" * size)
        return connection.getresponse().status
    finally:
        connection.close()


def _body(port: int) -> str:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the portal did not answer")
