"""How many people stay people and how many bots are marked, on lists that others have labelled.

The lists are in ``../shared/data``; without them the small built-in lists are judged, and without
figures worth printing. Run with ``-s`` to see the figures.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from rules.agents import HUMAN, AgentClasses, known_agents, named_bots
from rules.tables import read_table
from tests.rules.test_agents import BOTS, PEOPLE

SHARED = Path(__file__).parents[3] / "shared/data/user_agents"
NOT_PEOPLE = "ZZZ "
"""isbot's list of browsers ends with sections of what it calls glitches, misidentified and
insignificant bots: attack strings and measuring services that no person holds."""
FAMILIES = frozenset(
    {
        *("Chrome", "Chrome Mobile", "Chrome Mobile WebView", "Chrome Mobile iOS", "Firefox"),
        *("Firefox Mobile", "Firefox iOS", "Mobile Safari", "Mobile Safari UI/WKWebView", "Safari"),
        *("Edge", "Edge Mobile", "Opera", "Opera Mobile", "Opera Mini", "Samsung Internet", "IE"),
        *("IE Mobile", "Vivaldi", "Yandex Browser", "UC Browser", "QQ Browser", "Android"),
    }
)
"""Browsers of uap-core's cases, whose families also name programs."""
PREVIEW = "Google Web Preview"
"""The one program that uap-core calls Chrome."""
KEPT, MARKED = 0.995, 0.97
"""The promise: shares of people kept and of bots marked."""

type Change = Callable[[str], str]


def _read(name: str) -> list[dict[str, str]]:
    path = SHARED / name
    return json.loads(path.read_text()) if path.exists() else []


def people() -> list[str]:
    """Gather agents that others say are browsers."""
    isbot = [
        row["ua"] for row in _read("isbot_browsers.json") if not row["name"].startswith(NOT_PEOPLE)
    ]
    uap = [
        row["user_agent_string"]
        for row in _read("uap_browser_cases.json")
        if row["family"] in FAMILIES and PREVIEW not in row["user_agent_string"]
    ]
    return isbot + uap or PEOPLE


def bots() -> list[str]:
    """Gather agents that others say are programs."""
    named = [row["ua"] for file in ("isbot", "monperrus") for row in _read(f"{file}_crawlers.json")]
    tokens = [row["token"] for row in _read("ai_crawler_tokens.json")]
    return named + tokens or [agent for agent, _ in BOTS]


def move_versions(agent: str) -> str:
    """Replace every number of up to three digits by another."""
    random = Random(agent)

    def other(found: re.Match[str]) -> str:
        return str(random.randrange(10 ** len(found[0]))) if len(found[0]) < 4 else found[0]

    return re.sub(r"\d+", other, agent)


def spread(agent: str) -> str:
    """Double every space and add some outside."""
    return f"  {agent.replace(' ', '  ')}\t"


def share(agents: list[str], change: Change, is_right: Callable[[str], bool]) -> float:
    """Tell the share of agents whose class is right after a change to them."""
    classify = known_agents().classify
    return sum(is_right(classify(change(agent))) for agent in agents) / len(agents)


@pytest.mark.parametrize(
    ("name", "change", "kept", "marked"),
    [
        ("as they are", str, KEPT, MARKED),
        ("lower case", str.lower, KEPT, MARKED),
        ("upper case", str.upper, 0.99, MARKED),
        ("spaces doubled", spread, KEPT, MARKED),
        ("versions moved", move_versions, KEPT, MARKED),
    ],
)
def test_people_are_kept_and_bots_marked(
    name: str, change: Change, kept: float, marked: float
) -> None:
    found_people = share(people(), change, lambda found: found == HUMAN)
    found_bots = share(bots(), change, lambda found: found != HUMAN)
    line = (
        f"{name:>15}: {found_people:7.2%} of {len(people())} people kept,"
        f" {found_bots:7.2%} of {len(bots())} bots marked"
    )
    print(f"\n{line}")  # noqa: T201 - the figures of the promise
    assert found_people >= kept, line
    assert found_bots >= marked, line


def test_a_list_that_is_not_known_is_marked_nearly_as_well() -> None:
    """No list is judged by itself: without the package that holds it most of it is found still."""
    without = AgentClasses(read_table("agents"), named_bots(), [])
    agents = [row["ua"] for row in _read("monperrus_crawlers.json")] or [a for a, _ in BOTS]
    marked = sum(without.classify(agent) != HUMAN for agent in agents) / len(agents)
    assert marked >= MARKED, f"{marked:.2%} of {len(agents)}"
