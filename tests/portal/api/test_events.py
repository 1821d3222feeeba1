"""The portal's port passes other trackers' events on as they came, and the answer back."""

from dataclasses import replace
from typing import Any

from tests.portal.conftest import Portal

BODY = b'{"n": "pageview", "u": "https://one.example/", "d": "one.example"}'


class Recorder:
    """A collector that notes what it was given."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, *asked: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        self.asked.append(asked)
        answer = [("Content-Type", "text/plain"), ("X-Plausible-Dropped", "1"), ("Server", "x"),
                  ("Access-Control-Allow-Origin", "https://one.example")]  # fmt: skip
        return 202, answer, b"ok"


def listen(portal: Portal) -> Recorder:
    recorder = Recorder()
    surroundings = portal.surroundings
    surroundings.config = replace(surroundings.config, collect=recorder)
    return recorder


def test_a_request_goes_on_whole_but_for_its_cookies(portal: Portal) -> None:
    recorder = listen(portal)
    headers = {"Authorization": "Bearer sft_x", "X-Forwarded-For": "198.51.100.1", "Cookie": "a=b"}
    answer = portal.somebody().client.post("/api/event", data=BODY, headers=headers)

    ((method, path, passed, body, peer),) = recorder.asked
    assert (method, path, body, peer) == ("POST", "/api/event", BODY, "127.0.0.1")
    names = {name.lower(): value for name, value in passed}
    assert (names["authorization"], names["x-forwarded-for"]) == ("Bearer sft_x", "198.51.100.1")
    assert "cookie" not in names
    assert (answer.status_code, answer.data) == (202, b"ok")
    assert answer.headers["X-Plausible-Dropped"] == "1"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://one.example"
    assert answer.headers.get("Server") != "x"
    assert answer.mimetype == "text/plain"


def test_all_three_ways_in_may_be_asked_for_by_browsers(portal: Portal) -> None:
    recorder = listen(portal)
    for name in ("event", "send", "batch"):
        assert portal.somebody().client.options(f"/api/{name}").status_code == 202
    assert [asked[:2] for asked in recorder.asked] == [
        ("OPTIONS", "/api/event"), ("OPTIONS", "/api/send"), ("OPTIONS", "/api/batch"),
    ]  # fmt: skip


def test_without_a_collector_the_sender_is_told_to_come_again(portal: Portal) -> None:
    answer = portal.somebody().client.post("/api/event", data=BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
