"""Matomo's visits: each action is a line or counted with why it is none."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edge.importer import parse_line
from statflow.formats.files import NoExportError
from statflow.formats.matomo import lines, visit_lines
from tests.statflow.formats.exports import MATOMO_VISIT, write_lines
from tests.support.factories import a_site

SITE = a_site(host="own.example")


def lines_of(visit: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    skipped: Counter[str] = Counter()
    return list(visit_lines(visit, skipped)), dict(skipped)


def test_the_actions_of_a_visit_are_lines() -> None:
    found, skipped = lines_of(MATOMO_VISIT)
    assert [line["name"] for line in found] == [
        "pageview", "Play", "Outbound Link: Click", "pageview", "Purchase"]  # fmt: skip
    assert skipped == {"goal: ours are defined anew": 1, "action of type 'form'": 1}
    first = found[0]
    assert first["ts"] == "2023-02-09T10:00:00.000Z"
    assert first["url"].startswith("https://own.example/shoes?pk_campaign=spring&utm_campaign=")
    assert (first["browser"], first["os"], first["device"]) == ("Safari", "iOS", "Mobile")
    assert (first["country"], first["region"], first["language"]) == ("AT", "AT-9", "de")
    assert found[1]["props"] == {"category": "Video", "name": "Intro"}
    assert found[2]["props"] == {"url": "https://maker.example/"}
    assert {line["url"] for line in found[1:3]} == {"https://own.example/shoes?pk_campaign=spring"}
    assert found[4]["revenue"] == {"amount": "19.9", "currency": "EUR"}
    assert found[4]["url"] == "https://own.example/search?q=x"
    events = [parse_line(line, SITE) for line in found]
    assert len({event.visitor for event in events}) == 1
    assert (events[0].utm_campaign, events[0].utm_term) == ("spring", "shoes")
    assert events[1].utm_campaign == ""


def test_a_user_is_the_visitor_where_matomo_knows_one() -> None:
    found, _ = lines_of(MATOMO_VISIT | {"userId": "ann"})
    assert {line["visitor"] for line in found} == {"ann"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"visitorId": ""}, "no visitor"),
        (
            {"actionDetails": [{"type": "action", "url": "https://a.b/", "timestamp": "x"}]},
            "no time",
        ),
        ({"actionDetails": [{"type": "action", "url": "", "timestamp": 1}]}, "no page"),
        ({"actionDetails": ["x"]}, "no action"),
        ({"actionDetails": [{"type": {}, "timestamp": 1}]}, "action of type ''"),
    ],
)
def test_what_is_no_event_is_counted_with_why(changes: dict[str, Any], why: str) -> None:
    found, skipped = lines_of(MATOMO_VISIT | changes)
    assert not found
    assert why in skipped


def test_a_list_and_lines_are_read_alike(tmp_path: Path) -> None:
    visits = [MATOMO_VISIT, MATOMO_VISIT | {"visitorId": "b"}]
    listed = tmp_path / "visits.json"
    listed.write_text(json.dumps(visits))
    by_line = write_lines(tmp_path / "visits.ndjson", visits)
    assert list(lines(listed, Counter())) == list(lines(by_line, Counter()))
    assert len(list(lines(listed, Counter()))) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"result": "error", "message": "token_auth"}', "an error of Matomo's: token_auth"),
        ('[{"idVisit": 1}]', "no visit with actionDetails"),
        ("[1, 2]", "no visit with actionDetails"),
        ("date,visits\n", "not JSON"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "visits.json"
    file.write_text(text)
    with pytest.raises(NoExportError, match=said):
        list(lines(file, Counter()))
