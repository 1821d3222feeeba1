"""Serving until a signal ends it."""

import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.support.stack import free_port

_PROGRAM = """
import sys, time
from flask import Flask
from portal.serve import serve

app = Flask("served")

@app.get("/")
def slow() -> str:
    time.sleep(0.3)
    return "done"

serve(app, "127.0.0.1", int(sys.argv[1]), 2)
print("ended well")
"""


def test_serves_and_ends_on_sigterm() -> None:
    port = free_port()
    command = [sys.executable, "-c", _PROGRAM, str(port)]
    process = subprocess.Popen(command, cwd=Path.cwd(), stdout=subprocess.PIPE, text=True)
    assert _body(port) == "done"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.strip() == "ended well"


def _body(port: int) -> str:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the portal did not answer")
