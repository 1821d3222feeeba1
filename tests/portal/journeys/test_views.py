"""The page of journeys: drawing and table are the API's answer, in the order of time."""

import html
import json
import re
from collections.abc import Callable

import pytest

from portal.journeys.drawing import LEFT, OTHERS, draw
from portal.models import Role
from store.client import Store
from tests.portal.conftest import Person, Portal
from tests.portal.counted import add_shop, ask, store_visits

PAGE = "/sites/shop.example/journeys"


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    return store_visits(store, 830_006, "portal-journeys")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shop_id: int) -> Portal:
    portal = make_portal(store)
    add_shop(portal, shop_id)
    return portal


@pytest.fixture
def viewer(shop: Portal) -> Person:
    return shop.user("a@b.c", Role.VIEWER)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {}),
        ("?at=/shop&steps=3", {"at": {"page": "/shop"}, "steps": 3}),
        ("?at=Buy&dir=to", {"at": {"event": "Buy"}, "direction": "to"}),
        ("?f=is,country,DE", {"filters": [["is", "visit:country", ["DE"]]]}),
    ],
)
def test_the_table_is_what_the_api_answers(
    shop: Portal, viewer: Person, query: str, body: dict[str, object]
) -> None:
    answer = ask(shop, viewer, "a@b.c", "journeys", {"limit": 8, **body})
    text = viewer.get(PAGE + query).text
    assert f'data-value="{answer["meta"]["visits"]}"' in text
    table = text.split('class="plain journeys"')[1].split("</table>")[0]
    rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in table.split("<tr>")[2:]]
    assert len(rows) == len(answer["results"]) > 0
    for row, link in zip(rows, answer["results"], strict=True):
        ended = "began there" if body.get("direction") == "to" else "ended there"
        target = ended if link["ends"] else link["target"]
        assert row == f"{link['step']} {link['source']} {target} {link['visits']}"


def test_a_node_is_as_large_as_what_passes_it() -> None:
    links = [
        {"step": 1, "source": "/", "target": "/a", "ends": False, "visits": 3},
        {"step": 1, "source": "/", "target": None, "ends": False, "visits": 1},
        {"step": 1, "source": "/", "target": None, "ends": True, "visits": 2},
    ]
    drawing = draw(links, backwards=False)
    sizes = {(node["label"], node["depth"]): node["value"] for node in drawing.nodes}
    assert sizes == {("/", 0): 6, ("/a", 1): 3, (OTHERS, 1): 1, (LEFT, 1): 2}
    assert drawing.nodes[0]["ended"] == 2
    assert [link["value"] for link in drawing.links] == [3, 1, 2]
    assert [(node["label"], node["share"]) for node in drawing.steps()[1]] == [
        ("/a", "50%"),
        (OTHERS, "17%"),
        (LEFT, "33%"),
    ]


def test_backwards_is_drawn_in_the_order_of_time() -> None:
    links = [{"step": 1, "source": "Buy", "target": "/basket", "ends": False, "visits": 1}]
    drawing = draw(links, backwards=True)
    (link,) = drawing.links
    assert (link["source"], link["target"]) == ("2 /basket", "1 Buy")
    assert (link["value"], link["said"]) == (1, ["1 visit"])
    assert {node["label"]: node["depth"] for node in drawing.nodes} == {"Buy": 1, "/basket": 0}
    assert draw([], backwards=True).nodes == []


def test_the_drawing_holds_the_same_visits_as_the_table(viewer: Person) -> None:
    text = viewer.get(PAGE).text
    drawing = json.loads(html.unescape(re.findall(r"data-drawing='([^']*)'", text)[0]))
    first = [node for node in drawing["nodes"] if node["depth"] == 0]
    assert sum(node["value"] for node in first) == 4


def test_nothing_found_is_said(viewer: Person) -> None:
    assert "No visit of this period saw “/nowhere”." in viewer.get(f"{PAGE}?at=/nowhere").text
    assert viewer.get(f"{PAGE}?steps=99&dir=up&folders=x").status_code == 200
