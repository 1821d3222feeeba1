"""A site that is only given with the question is explained as an edge would treat it."""

from typing import Any, cast

import pytest

from edge.explain import Question
from edge.fronts.reception import Upstream
from statflow.explaining import Explainer
from statflow.rules_commands import ExplainError, _fetched
from statflow.settings import read_settings
from tests.support.steady_origin import SteadyOrigin

SITE = {"id": 7, "host": "shop.example", "upstreams": ["http://a:1"], "public_key": "k"}
RULE = {"id": "no", "kind": "inject", "action": "exclude", "paths": ["/a"]}


@pytest.fixture(scope="module")
def explained() -> Explainer:
    return Explainer(read_settings({}))


def ask(explained: Explainer, site: dict[str, Any], url: str, **more: Any) -> dict[str, Any]:
    return explained({**SITE, **site}, {"url": url, **more})


def test_rules_are_tried_before_anybody_saved_them(explained: Explainer) -> None:
    url = "https://shop.example/a"
    assert ask(explained, {}, url)["inject"] is True
    said = ask(explained, {"rules": [RULE]}, url)
    assert (said["inject"], said["reason"]) == (False, "rule")
    assert {"list": "inject", "rule": "no", "matched": True} in said["rules"]
    assert {"label": "Page", "value": "/a"} in said["stores"]


def test_the_answer_and_the_kill_switch_have_their_say(explained: Explainer) -> None:
    url = "https://shop.example/a"
    assert ask(explained, {}, url, content_type="image/png")["reason"] == "content_type"
    assert ask(explained, {}, url, status=304)["reason"] == "not_modified"
    assert ask(explained, {}, url, injection=False)["reason"] == "killed"
    said = ask(explained, {}, url, headers=[("DNT", "1")])
    assert said["dropped"]["reason"] == "dnt"
    assert said["dropped"]["meaning"]


@pytest.mark.parametrize("url", ["", "shop.example", "ftp://a/", "http://[/"])
def test_what_is_no_address_is_refused(explained: Explainer, url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ask(explained, {}, url)


@pytest.mark.parametrize(
    ("ranges", "guarded", "asked"),
    [("", False, True), ("loopback", True, True), ("10.0.0.0/8", False, False), ("", True, False)],
)
def test_fetching_asks_the_ranges(
    monkeypatch: pytest.MonkeyPatch, ranges: str, *, guarded: bool, asked: bool
) -> None:
    """What ``explain --fetch`` connects to is what the edge would connect to."""
    with SteadyOrigin() as origin:
        upstream = Upstream("127.0.0.1", origin.port, False, "shop.example", guarded=guarded)
        head = [(b"Host", b"shop.example")]
        monkeypatch.setattr("statflow.fetching.fetch_plan", lambda *_: (upstream, "/", head))
        question, knowledge = Question("http://shop.example/"), cast("Any", None)
        if asked:
            assert _fetched(question, knowledge, ranges).status == 200
        else:
            with pytest.raises(ExplainError, match="cannot be asked"):
                _fetched(question, knowledge, ranges)
        assert bool(origin.heads) == asked
