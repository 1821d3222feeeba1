"""The MCP server, asked by the protocol's own client over stdio, before a real portal and store."""

import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from waitress.server import create_server

from portal.models import Role, Site, SiteGoal, SiteHost
from store.client import Store
from tests.portal.conftest import NOW, Portal, make_portal, store
from tests.store.query.dataset import a_visit, store_traffic

__all__ = ["make_portal", "store"]

SITE_ID = 870_000
TOOLS = {"query", "funnel", "goals", "vocabulary"}


@pytest.fixture
def portal(make_portal: Callable[..., Portal], store: Store) -> Portal:
    visits = [
        a_visit("UTC", "2026-11-09T10:00:00", None, country="FR").view("/").add("Order", 9),
        a_visit("UTC", "2026-11-09T11:00:00").view("/a"),
    ]
    events = [event for visit in visits for event in visit.events]
    store_traffic(store, SITE_ID, events, "mcp")
    made = make_portal(store)
    with made.database.writing() as session:
        session.add(
            Site(
                id=SITE_ID,
                team_id=1,
                host="shop.example",
                public_key="stk_x",
                created_at=NOW,
                upstreams=["http://a:1"],
                hosts=[SiteHost(host="shop.example")],
            )
        )
        session.flush()
        session.add(
            SiteGoal(site_id=SITE_ID, name="Order", kind="event", target="Order", created_at=NOW)
        )
    made.site("other.example")
    made.user("a@b.c", Role.OWNER)
    return made


@pytest.fixture
def address(portal: Portal) -> Iterator[str]:
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


@asynccontextmanager
async def asking(address: str, token: str, site: str = "shop.example") -> AsyncIterator[Any]:
    ours = {name: value for name, value in os.environ.items() if "STATFLOW" not in name}
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "statflow.cli", "mcp", "--site", site, "--url", address],
        env=ours | {"STATFLOW_TOKEN": token},
    )
    async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


def told(answer: Any) -> Any:
    assert not answer.isError, answer.content
    return json.loads(answer.content[0].text)


async def test_an_assistant_gets_numbers_goals_and_funnels(portal: Portal, address: str) -> None:
    token = portal.token("a@b.c", "shop.example", ("stats:read", "sites:read"))
    async with asking(address, token) as session:
        listed = (await session.list_tools()).tools
        assert {tool.name for tool in listed} == TOOLS
        assert all(tool.annotations.readOnlyHint for tool in listed)
        question = {
            "metrics": ["visitors", "pageviews"],
            "date_range": ["2026-11-09", "2026-11-09"],
            "dimensions": ["event:page"],
        }
        rows = told(await session.call_tool("query", question))["results"]
        assert sorted((row["dimensions"][0], row["metrics"]) for row in rows) == [
            ("/", [1, 1]),
            ("/a", [1, 1]),
        ]
        asked = {"steps": ["Order", "Order"], "date_range": ["2026-11-01", "2026-11-10"]}
        steps = told(await session.call_tool("funnel", asked))
        assert steps["results"][0]["steps"][0]["count"] == 1
        words = told(await session.call_tool("vocabulary", {}))
        assert "bounce_rate" in words["metrics"]
        assert "visit:source" in words["dimensions"]
        assert "Order" in json.dumps(told(await session.call_tool("goals", {})))


async def test_what_is_wrong_is_told_in_words(portal: Portal, address: str) -> None:
    token = portal.token("a@b.c", "shop.example")
    async with asking(address, token) as session:
        answer = await session.call_tool("query", {"metrics": ["happiness"]})
        assert answer.isError
        assert "visitors" in answer.content[0].text


async def test_a_token_opens_its_own_site_only(portal: Portal, address: str) -> None:
    token = portal.token("a@b.c", "shop.example")
    for site, wrong in (("other.example", token), ("shop.example", "sft_wrong")):
        async with asking(address, wrong, site) as session:
            answer = await session.call_tool("query", {"metrics": ["visitors"]})
            assert answer.isError
