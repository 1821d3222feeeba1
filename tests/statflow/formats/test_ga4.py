"""GA4's events of BigQuery: each row is a line or counted with why it is none."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edge.importer import parse_line
from statflow.formats.files import NoExportError
from statflow.formats.ga4 import as_line, lines
from tests.statflow.formats.exports import ga4_event, param, write_lines
from tests.support.factories import a_site

AT = 1_675_936_800
SITE = a_site(host="own.example")


def line_of(row: Any) -> tuple[dict[str, Any] | None, dict[str, int]]:
    skipped: Counter[str] = Counter()
    return as_line(row, skipped), dict(skipped)


def test_a_page_view_is_a_line() -> None:
    line, skipped = line_of(ga4_event("page_view", AT))
    assert not skipped
    assert line == {
        "ts": "2023-02-09T10:00:00.000Z", "visitor": "1234567890.1675929600", "name": "pageview",
        "url": "https://own.example/pricing?utm_source=letter&sid=1&utm_medium=email"
               "&utm_campaign=spring",
        "referrer": "https://www.google.com/", "browser": "Chrome", "browser_version": "109",
        "os": "Android", "os_version": "12", "device": "Mobile", "language": "fr",
        "country": "FR", "city": "Marseille",
    }  # fmt: skip
    event = parse_line(line, SITE)
    assert (event.utm_source, event.utm_campaign, event.channel) == ("letter", "spring", "Email")


def test_an_event_keeps_its_own_parameters_and_what_it_brought() -> None:
    row = ga4_event("purchase", AT, param("currency", "EUR"), param("value", 20),
                    param("method", "card"), ecommerce={"purchase_revenue": 19.9})  # fmt: skip
    line, _ = line_of(row)
    assert line is not None
    assert (line["name"], line["props"]["method"]) == ("purchase", "card")
    assert "ga_session_id" not in line["props"]
    assert line["revenue"] == {"amount": "19.9", "currency": "EUR"}
    assert parse_line(line, SITE).revenue_minor == 1990


def test_engagement_keeps_its_time_and_depth() -> None:
    row = ga4_event(
        "scroll", AT, param("engagement_time_msec", 4200), param("percent_scrolled", 90)
    )
    line, _ = line_of(row)
    assert line is not None
    assert (line["name"], line["engaged_ms"], line["scroll"]) == ("engagement", 4200, 90)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        (ga4_event("session_start", AT), "session_start: derived anew"),
        (ga4_event("", AT), "no event name"),
        (ga4_event("page_view", AT, event_timestamp="soon"), "no time"),
        (ga4_event("page_view", AT, event_timestamp=10**30), "no time"),
        (ga4_event("page_view", AT, user_pseudo_id=None), "no user_pseudo_id"),
        (ga4_event("page_view", AT, event_params=[]), "no page: an app's event"),
        (ga4_event("page_view", AT, event_params="x"), "no page: an app's event"),
    ],
)
def test_what_is_no_event_is_counted_with_why(row: Any, why: str) -> None:
    assert line_of(row) == (None, {why: 1})


def test_odd_values_do_no_harm() -> None:
    odd = ga4_event("page_view", AT, device="x", geo=[], collected_traffic_source=7, ecommerce="")
    line, skipped = line_of(odd)
    assert line is not None
    assert not skipped
    assert "country" not in line


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "events.json", [{"a": 1}, ga4_event("page_view", AT)])
    with pytest.raises(NoExportError, match="no event with an event_name"):
        list(lines(file, Counter()))


def test_a_broken_line_is_skipped(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "events.json", [ga4_event("page_view", AT)])
    file.write_text(file.read_text() + "{broken\n\n")
    skipped: Counter[str] = Counter()
    assert len(list(lines(file, skipped))) == 1
    assert skipped == {"not a JSON object": 1}
