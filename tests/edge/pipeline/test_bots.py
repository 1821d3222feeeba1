"""Bots are marked, with their signs, and counted."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from edge.event import Event
from edge.pipeline.bots import SIGNS, count_marks, put_bot
from edge.pipeline.draft import Device, Draft
from edge.pipeline.pace import MOST_VIEWS, Pace
from edge.pipeline.steps import process
from rules.evidence import Evidence
from rules.ranges import BotRanges, ranges

type Make = Callable[..., Draft]

CHROME = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/130.0.0.0 Safari/537.36"
)
COMPLETE = {
    b"user-agent": CHROME,
    b"accept-language": b"de",
    b"sec-ch-ua": b'"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"',
    b"sec-ch-ua-mobile": b"?0",
    b"sec-ch-ua-platform": b'"Windows"',
    b"sec-fetch-site": b"same-origin",
    b"sec-fetch-mode": b"cors",
    b"sec-fetch-dest": b"empty",
}
BARE = {b"user-agent": CHROME}


def _marked(draft: Draft) -> tuple[str, Evidence]:
    put_bot(draft)
    return draft.bot, Evidence(draft.evidence)


def test_a_browser_as_it_comes_bears_no_sign(a_draft: Make) -> None:
    assert _marked(a_draft(agent=CHROME, headers=COMPLETE, viewport_px=1200)) == ("", Evidence(0))


@pytest.mark.parametrize(
    ("known", "automation", "bot"),
    [("", False, ""), ("", True, "automation"), ("search", False, "search"), ("seo", True, "seo")],
)
def test_definite_signs_mark(a_draft: Make, known: str, automation: bool, bot: str) -> None:
    draft = a_draft(automation=automation)
    draft.device = Device(bot=known, operator="Acme")
    assert _marked(draft)[0] == bot
    assert draft.operator == ("Acme" if bot else "")
    assert bool(draft.evidence & Evidence.AGENT) is bool(known)
    assert bool(draft.evidence & Evidence.AUTOMATION) is automation


def test_one_kind_of_sign_marks_nobody_and_is_kept(a_draft: Make) -> None:
    headers = {**BARE, b"accept-language": b"de"}
    bot, evidence = _marked(a_draft(agent=CHROME, headers=headers))
    assert bot == ""
    assert evidence == Evidence.HINTS_MISSING | Evidence.FETCH_MISSING


def test_two_kinds_of_signs_mark(a_draft: Make) -> None:
    bot, evidence = _marked(a_draft(agent=CHROME, headers=BARE))
    assert bot == "unknown"
    assert evidence & Evidence.LANGUAGE_MISSING


def test_plain_http_leaves_only_the_language(a_draft: Make) -> None:
    draft = a_draft(agent=CHROME, headers=BARE, url="http://shop.example/")
    assert _marked(draft) == ("", Evidence.LANGUAGE_MISSING)


def test_headers_of_a_server_that_sends_for_others_are_no_sign(a_draft: Make) -> None:
    headers = {b"user-agent": b"MyShop/1.0"}
    assert _marked(a_draft(agent=CHROME, headers=headers)) == ("", Evidence(0))


def test_a_flood_of_page_views_is_one_sign_only(a_draft: Make) -> None:
    draft = a_draft(agent=CHROME, headers=COMPLETE)
    draft.context = draft.context._replace(pace=Pace())
    for _ in range(MOST_VIEWS):
        assert _marked(draft) == ("", Evidence(0))
    assert _marked(draft) == ("", Evidence.RATE)


def test_marks_are_counted_by_site_class_and_sign(a_draft: Make) -> None:
    draft = a_draft(site={"id": 74_001}, agent=CHROME, headers=BARE)
    event = process(draft.beacon, draft.sender, draft.context)
    assert isinstance(event, Event)
    count_marks(event)
    labels = {"site": "74001", "class": "unknown"}
    assert REGISTRY.get_sample_value("statflow_bots_total", labels) == 1
    for sign in ("hints_missing", "fetch_missing", "language_missing"):
        labels = {"site": "74001", "evidence": sign}
        assert REGISTRY.get_sample_value("statflow_bot_evidence_total", labels) == 1
        assert sign in SIGNS


@pytest.mark.parametrize(
    ("address", "bot", "operator", "sign"),
    [
        ("192.0.2.1", "search", "Acme", Evidence.VERIFIED),
        ("198.51.100.1", "unknown", "", Evidence.SPOOFED),
    ],
)
def test_an_agent_that_is_not_who_it_says_has_no_operator(
    a_draft: Make, address: str, bot: str, operator: str, sign: Evidence
) -> None:
    draft = a_draft(address=address, agent=b"Acmebot/1.0")
    lists = BotRanges({"acmebot": ranges(["192.0.2.0/24"], complete=True)})
    draft.context = draft.context._replace(ranges=lists)
    draft.device = Device(bot="search", operator="Acme")
    assert _marked(draft) == (bot, Evidence.AGENT | sign)
    assert draft.operator == operator
