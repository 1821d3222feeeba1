"""Pages of behaviour and of the edge: each number on screen is the API's answer to the same."""

import html
import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest

from portal.api.behaviour import BY_NAME
from portal.behaviour.elements import name_of
from portal.behaviour.views import FIELDS, FORMS, ON_PAGES
from portal.models import Role, Site, SiteHost
from portal.served.views import BROKEN, PURPOSES, SLOW
from store.client import Store
from store.query.model import QuerySite
from store.query.parse import parse_query
from store.query.run import run_query
from tests.portal.conftest import NOW, Person, Portal
from tests.store.query.dataset import Event, random_events, store_traffic
from tests.store.query.edge_dataset import (
    random_hits,
    random_signals,
    store_hits,
    store_signals,
)

HOST = "/sites/one.example"
DAYS = ["2026-10-14", "2026-11-10"]
_ids = count(45_000)
_stored: dict[str, int] = {}


def stored_id(store: Store) -> int:
    """The id of a site whose rows are stored once a process."""
    if "id" not in _stored:
        number = _stored["id"] = next(_ids)
        events: list[Event] = random_events(25, "UTC", date(2026, 10, 28), 10, 80)
        start = NOW.replace(month=10, day=28)
        store_traffic(store, number, events, f"pages-{number}")
        store_hits(store, number, "UTC", random_hits(26, start, 10, 400), f"pages-{number}")
        store_signals(store, number, random_signals(27, events, 900), f"pages-{number}")
    return _stored["id"]


def a_site(portal: Portal, number: int, host: str, modules: list[str], **changes: Any) -> None:
    with portal.database.writing() as session:
        session.add(Site(
            id=number, team_id=1, host=host, public_key=f"stk_{number}", created_at=NOW,
            upstreams=["http://a:1"], hosts=[SiteHost(host=host)], modules=modules, **changes,
        ))  # fmt: skip


@pytest.fixture
def viewer(make_portal: Callable[..., Portal], store: Store) -> Person:
    portal = make_portal(store)
    a_site(portal, stored_id(store), "one.example", ["clicks"])
    a_site(portal, next(_ids), "empty.example", [])
    return portal.user("a@b.c", Role.VIEWER)


@pytest.fixture
def api(store: Store) -> Callable[..., dict[str, Any]]:
    """The API's answer to a question about the same site and days."""
    site = QuerySite(stored_id(store), "one.example", "UTC")

    def ask(name: str, **body: Any) -> dict[str, Any]:
        body = {"date_range": DAYS, **body}
        if name != "query":
            return BY_NAME[name].ask(store, body, site, NOW)
        result = run_query(store, parse_query(body, site), site, NOW)
        return {"results": result.results, "meta": result.meta}

    return ask


def tables(page: str) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Read each table of a page: for each row its label and its values by name."""
    found = {}
    for section in page.split("<section")[1:]:
        title = re.search(r"<h2>(.*?)</h2>", section, re.DOTALL)
        if title and "<tbody>" in section:
            found[text(title.group(1))] = list(rows(section.split("<tbody>")[1]))
    return found


def rows(body: str) -> Iterator[tuple[str, dict[str, str]]]:
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL):
        label = re.search(r'<th scope="row"(?: title="([^"]*)")?', row)
        yield html.unescape(label.group(1) or "") if label else "", values(row)


def values(part: str) -> dict[str, str]:
    pairs = re.findall(r'data-metric="(\w+)"\s+data-value="([^"]*)"', part)
    return {name: html.unescape(value) for name, value in pairs}


def parts(page: str, title: str) -> list[tuple[str, str]]:
    """Read what is folded away in the rows of a table: what it is of, and its value."""
    section = page.split(f"<h2>{title}</h2>")[1].split("</section>", maxsplit=1)[0]
    part = r'dir="auto">([^<]*)</(?:a|span)>\s*<span class="number" data-part="(\d+)"'
    found = re.findall(part, section)
    return [(html.unescape(label), value) for label, value in found]


def text(part: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", part)).strip()


def told(value: Any) -> str:
    return "" if value is None else str(value)


def named(found: dict[str, Any], names: list[str]) -> dict[str, str]:
    return {name: told(found[name]) for name in names}


def by_metric(answer: dict[str, Any], names: list[str]) -> list[tuple[str, dict[str, str]]]:
    return [
        (row["dimensions"][0], dict(zip(names, map(told, row["metrics"]), strict=True)))
        for row in answer["results"]
    ]


def test_pages(viewer: Person, api: Callable[..., Any]) -> None:
    names = [column.name for column in ON_PAGES]
    page = viewer.get(f"{HOST}/behaviour").text
    answer = api("query", metrics=names, dimensions=["event:page"])
    assert tables(page)["Pages"] == by_metric(answer, names)
    assert answer["results"]


@pytest.mark.parametrize("of", ["clicks", "rage_clicks", "dead_clicks"])
def test_a_map_of_clicks(viewer: Person, api: Callable[..., Any], of: str) -> None:
    page = viewer.get(f"{HOST}/behaviour/map?page=/a&of={of}&width=Mobile").text
    body = {"filters": [["is", "event:page", ["/a"]]], "width": "Mobile", "order": of}
    whole = api("clicks", grid=40, grid_of="page", **body)["results"][0]
    drawn = [int(title) for title in re.findall(r"<title>(\d+)</title>", page)]
    assert sorted(drawn) == sorted(count for _, _, count in whole["grid"])
    assert sum(drawn) == whole[of]
    wanted = [
        (name_of(row["element"]), named(row, ["clicks", "rage_clicks", "dead_clicks", "visits"]))
        for row in api("clicks", by=["element"], **body)["results"]
    ]
    assert wanted
    assert wanted in tables(page).values()


def test_a_map_of_scroll(viewer: Person, api: Callable[..., Any]) -> None:
    page = viewer.get(f"{HOST}/behaviour/map?page=/a&of=scroll").text
    row = api("scroll", filters=[["is", "event:page", ["/a"]]])["results"][0]
    shown = [values for _, values in tables(page)["How far /a is seen"]]
    assert shown == [
        {"reached": str(reached), "seconds": str(seconds)}
        for reached, seconds in zip(row["reached"], row["seconds"], strict=True)
    ]
    assert values(page)["views"] == str(row["views"])
    assert values(page)["page_height"] == str(row["page_height"])


def test_rage_and_dead_clicks(viewer: Person, api: Callable[..., Any]) -> None:
    page = viewer.get(f"{HOST}/behaviour/clicks").text
    found = tables(page)
    for title, order in (("Rage clicks", "rage_clicks"), ("Dead clicks", "dead_clicks")):
        answer = api("clicks", by=["element"], order=order)["results"]
        names = ["clicks", "rage_clicks", "dead_clicks", "visits"]
        assert found[title] == [(name_of(row["element"]), named(row, names)) for row in answer]
        on_pages = api("clicks", by=["element", "page"], order=order)["results"]
        wanted = [(row["page"], told(row[order])) for row in on_pages]
        assert sorted(parts(page, title)) == sorted(wanted)


@pytest.mark.parametrize("vital", ["LCP", "CLS"])
def test_vitals(viewer: Person, api: Callable[..., Any], vital: str) -> None:
    page = viewer.get(f"{HOST}/behaviour/vitals?vital={vital}").text
    whole = {row["vital"]: row for row in api("vitals")["results"]}
    shown = re.findall(r'data-vital="(\w+)"\s+data-metric="p75"\s+data-value="([\d.]+)"', page)
    assert shown == [(name, str(row["p75"])) for name, row in whole.items()]
    names = ["p75", "p50", "p95", "poor", "needs_work", "count"]
    answer = api("vitals", by=["page"], vital=vital)
    wanted = [(row["page"], named(row, names)) for row in answer["results"]]
    assert tables(page)[f"Pages by {vital}"] == wanted


def test_errors(viewer: Person, api: Callable[..., Any]) -> None:
    page = viewer.get(f"{HOST}/behaviour/errors").text
    names = ["count", "visits", "pages", "first_seen", "last_seen"]
    assert tables(page)["Uncaught errors"] == [
        (f"{row['type']}: {row['message']}", named(row, names)) for row in api("errors")["results"]
    ]


def test_forms(viewer: Person, api: Callable[..., Any]) -> None:
    found = tables(viewer.get(f"{HOST}/behaviour/forms").text)
    answer = api("forms")["results"]
    whole = [column.name for column in FORMS]
    assert found.pop("Forms") == [(form["form"], named(form, whole)) for form in answer]
    fields = [column.name for column in FIELDS]
    assert found == {
        f"{form['form']} on {form['page']}": [
            (field["field"], named(field, fields)) for field in form["fields"]
        ]
        for form in answer
    }


def test_crawlers(viewer: Person, api: Callable[..., Any]) -> None:
    page = viewer.get(f"{HOST}/edge/crawlers").text
    whole = ["crawled_pages", "visits", "crawl_to_visit_ratio"]
    [total] = by_metric_whole(api("query", metrics=whole), whole)
    assert values(page.split("<table")[0]) == total
    found = tables(page)
    names = ["crawled_pages", "crawl_to_visit_ratio"]
    order = {"order_by": [["crawled_pages", "desc"]]}
    rows = by_metric(api("query", metrics=names, dimensions=["visit:operator"], **order), names)
    taken = [(label, row) for label, row in rows if row["crawled_pages"] != "0"]
    shown = found["Crawlers by operator"]
    assert [
        ("(not set)" if label == "Not known" else label, {name: row[name] for name in names})
        for label, row in shown
    ] == taken
    for _, row in shown:
        share = 100 * int(row["crawled_pages"]) / int(total["crawled_pages"])
        assert float(row["share"]) == pytest.approx(share, abs=0.06)
    kinds = ["visit:operator", "visit:bot"]
    answer = api("query", metrics=["crawled_pages"], dimensions=kinds)["results"]
    wanted = [
        (PURPOSES.get(row["dimensions"][1], row["dimensions"][1]), told(row["metrics"][0]))
        for row in answer
    ]
    assert sorted(parts(page, "Crawlers by operator")) == sorted(wanted)
    for_page = api("query", metrics=["crawled_pages", "visits"], dimensions=["event:page"])
    assert found["Most crawled pages"] == by_metric(for_page, ["crawled_pages", "visits"])


def by_metric_whole(answer: dict[str, Any], names: list[str]) -> list[dict[str, str]]:
    return [dict(zip(names, map(told, row["metrics"]), strict=True)) for row in answer["results"]]


def test_answers(viewer: Person, api: Callable[..., Any]) -> None:
    page = viewer.get(f"{HOST}/edge/answers").text
    whole = ["hits", "ttfb_p50", "ttfb_p95", "bytes"]
    assert values(page.split("<table")[0]) == by_metric_whole(api("query", metrics=whole), whole)[0]
    found = tables(page)
    status = by_metric(
        api("query", metrics=["hits", "ttfb_p50", "bytes"], dimensions=["hit:status"]),
        ["hits", "ttfb_p50", "bytes"],
    )
    for _, row in found["Statuses"]:
        row.pop("share")
    assert found["Statuses"] == status
    missing = [["is", "hit:status", ["404", "410"]]]
    broken = api("query", metrics=["hits"], dimensions=["event:page"], filters=missing)
    assert found["Broken links"] == by_metric(broken, [column.name for column in BROKEN])
    linked = api("query", metrics=["hits"], dimensions=["event:page", "hit:linked_from"],
                 filters=missing, pagination={"limit": 500})  # fmt: skip
    said = {"Direct / None": "asked for without a link"}
    wanted = [
        (said.get(row["dimensions"][1], row["dimensions"][1]), told(row["metrics"][0]))
        for row in linked["results"]
    ]
    assert sorted(parts(page, "Broken links")) == sorted(wanted)
    fives = [["is", "hit:status_class", ["5xx"]]]
    failed = api("query", metrics=["hits"], dimensions=["event:page"], filters=fives)
    assert found["Failed pages"] == by_metric(failed, ["hits"])
    names = [column.name for column in SLOW]
    good = [["is", "hit:status_class", ["2xx"]]]
    slow = api("query", metrics=names, dimensions=["event:page"], filters=good)
    assert found["Slowest pages"] == by_metric(slow, names)


def test_filters_hold_as_on_the_overview(viewer: Person, api: Callable[..., Any]) -> None:
    names = [column.name for column in ON_PAGES]
    filters = [["is", "visit:browser", ["Firefox"]]]
    page = viewer.get(f"{HOST}/behaviour?period=7d&f=is,browser,Firefox").text
    days = ["2026-11-04", "2026-11-10"]
    answer = api(
        "query", metrics=names, dimensions=["event:page"], filters=filters, date_range=days
    )
    assert tables(page).get("Pages", []) == by_metric(answer, names)
    assert "behaviour/vitals?period=7d&amp;f=is%2Cbrowser%2CFirefox" in page


def test_documents_are_not_filtered_by_what_only_visits_have(viewer: Person) -> None:
    page = viewer.get(f"{HOST}/edge/answers?f=is,source,Google&f=is,browser,Firefox").text
    assert "Not filtered by Source" in page
    assert "cannot be told by" not in page.replace("these numbers cannot be told by it", "")
    assert "browser%2CFirefox" in page


PATHS = ("behaviour", "behaviour/map", "behaviour/clicks", "behaviour/vitals", "behaviour/errors",
         "behaviour/forms", "edge/crawlers", "edge/answers")  # fmt: skip


@pytest.mark.parametrize("path", ["edge/crawlers", "edge/answers"])
def test_a_site_without_hits_says_so(
    make_portal: Callable[..., Portal], store: Store, path: str
) -> None:
    portal = make_portal(store)
    a_site(portal, next(_ids), "off.example", [], hits=False)
    page = portal.user("a@b.c", Role.VIEWER).get(f"/sites/off.example/{path}").text
    assert "keeps no rows of the documents served" in page


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_said_in_words(viewer: Person, path: str) -> None:
    page = viewer.get(f"/sites/empty.example/{path}")
    assert page.status_code == 200
    assert "<tbody>" not in page.text
    if path in {"behaviour/clicks", "behaviour/errors", "behaviour/forms"}:
        assert "is off" in page.text
    odd = viewer.get(f"{HOST}/{path}?period=ever&width=Watch&page={quote('<b>')}&of=x&vital=x")
    assert odd.status_code == 200
    assert "<b>" not in odd.text


@pytest.mark.parametrize(
    "path", [*PATHS, "behaviour/map?page=/a", "behaviour/map?page=/a&of=scroll"]
)
def test_a_store_that_is_away_is_said(portal: Portal, path: str) -> None:
    portal.site("one.example")
    page = portal.user("a@b.c", Role.VIEWER).get(f"{HOST}/{path}")
    assert page.status_code == 200
    if path != "behaviour/map":
        assert "does not answer" in page.text


@pytest.mark.parametrize("path", PATHS)
def test_a_site_of_others_is_not_there(portal: Portal, path: str) -> None:
    portal.site("one.example", team="Others")
    assert portal.user("a@b.c", Role.OWNER).get(f"{HOST}/{path}").status_code == 404
    assert portal.somebody().get(f"{HOST}/{path}").status_code == 302
