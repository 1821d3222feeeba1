"""Which user agents are people."""

import json
from pathlib import Path

import pytest

from rules.agents import CLASSES, HUMAN, known_agents, named_bots

SHARED = Path(__file__).parents[3] / "shared/data/user_agents"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
PEOPLE = [
    CHROME + "Chrome/130.0.0.0 Safari/537.36",
    CHROME + "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; CUBOT_P20) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/120.0.0.0 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; SM-S918B Build/AP3A.240617.008; wv) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36 Instagram 406.0.0.58"
    ),
]
BOTS = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "search"),
    ("Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", "ai_training"),
    ("GPTBot", "ai_training"),
    ("OAI-SearchBot/1.0", "ai_search"),
    ("Mozilla/5.0 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)", "ai_assistant"),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "seo"),
    ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "monitor"),
    ("facebookexternalhit/1.1", "social_preview"),
    ("Feedbin feed-id:1 - 3 subscribers", "feed"),
    ("curl/8.5.0", "library"),
    ("python-requests/2.32.0", "library"),
    (CHROME + "HeadlessChrome/130.0.0.0 Safari/537.36", "automation"),
    ("sqlmap/1.8", "scanner"),
    ("SomeNewBot/1.0", "unknown"),
    ("Whatever", "unknown"),
    ("", "unknown"),
    ("   ", "unknown"),
]


@pytest.mark.parametrize("agent", PEOPLE)
def test_a_browser_is_a_person(agent: str) -> None:
    assert known_agents().classify(agent) == HUMAN


@pytest.mark.parametrize(("agent", "kind"), BOTS)
def test_a_bot_has_its_class(agent: str, kind: str) -> None:
    assert known_agents().classify(agent) == kind


def _shared(name: str, built_in: list[str], key: str = "ua") -> list[str]:
    path = SHARED / name
    return [row[key] for row in json.loads(path.read_text())] if path.exists() else built_in


@pytest.mark.parametrize(
    ("agent", "bot", "operator"),
    [
        ("GPTBot/1.2", "ai_training", "OpenAI"),
        ("OAI-SearchBot/1.0", "ai_search", "OpenAI"),
        ("ChatGPT-User/1.0", "ai_assistant", "OpenAI"),
        ("ClaudeBot/1.0", "ai_training", "Anthropic"),
        ("Claude-User/1.0", "ai_assistant", "Anthropic"),
        ("Claude-SearchBot/1.0", "ai_search", "Anthropic"),
        ("PerplexityBot/1.0", "ai_search", "Perplexity"),
        ("Perplexity-User/1.0", "ai_assistant", "Perplexity"),
        ("Google-Extended", "ai_training", "Google"),
        ("Googlebot/2.1", "search", "Google"),
        ("Googlebot-Image/1.0", "search", "Google"),
        ("bingbot/2.0", "search", "Microsoft"),
        ("Applebot/0.1", "search", "Apple"),
        ("Applebot-Extended", "ai_search", "Apple"),
        ("meta-externalagent/1.1", "ai_training", "Meta"),
        ("Bytespider", "ai_training", "ByteDance"),
        ("CCBot/2.0", "ai_training", "Common Crawl"),
        ("Amazonbot/0.1", "ai_training", "Amazon"),
        ("AhrefsBot/7.0", "seo", "Ahrefs"),
        ("SemrushBot/7~bl", "seo", "Semrush"),
        ("UptimeRobot/2.0", "monitor", "UptimeRobot"),
        ("facebookexternalhit/1.1", "social_preview", "Meta"),
        ("Slackbot-LinkExpanding 1.0", "social_preview", "Slack"),
        ("Feedly/1.0", "feed", "Feedly"),
        ("curl/8.5.0", "library", ""),
        ("HeadlessChrome/130.0", "automation", ""),
        ("sqlmap/1.8", "scanner", ""),
        ("Nuclei - Open-source project", "scanner", ""),
    ],
)
def test_the_well_known_have_class_and_operator(agent: str, bot: str, operator: str) -> None:
    classes = known_agents()
    assert (classes.classify(agent), classes.operator(agent)) == (bot, operator)


@pytest.mark.parametrize(
    "agent",
    ["Botanica/2 (Windows NT 10.0)",
     "Mozilla/5.0 (Linux; Android 10; Spidery X) AppleWebKit/537.36",
     "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Talbott/1"],
)  # fmt: skip
def test_words_that_nearly_match_are_people(agent: str) -> None:
    assert known_agents().classify(agent) == HUMAN


def test_every_row_of_the_packs_is_of_a_class_and_finds_itself() -> None:
    rows = [row for row in named_bots() if row.pattern.removeprefix("(?i)").isidentifier()]
    assert {row.bot for row in named_bots()} <= set(CLASSES)
    for row in rows:
        assert known_agents().classify(row.pattern.removeprefix("(?i)")) != HUMAN


@pytest.mark.parametrize(
    ("name", "key", "least"),
    [
        ("isbot_crawlers.json", "ua", 0.985),
        ("monperrus_crawlers.json", "ua", 0.99),
        ("ai_crawler_tokens.json", "token", 0.99),
    ],
)
def test_crawlers_of_other_peoples_lists_are_bots(name: str, key: str, least: float) -> None:
    agents = _shared(name, [agent for agent, _ in BOTS], key)
    classes = [known_agents().classify(agent) for agent in agents]
    assert sum(found != HUMAN for found in classes) / len(classes) >= least


def test_browsers_of_other_peoples_lists_are_people() -> None:
    """The list also holds attack strings and web-view libraries; the rest is browsers."""
    agents = _shared("isbot_browsers.json", PEOPLE)
    people = sum(known_agents().classify(agent) == HUMAN for agent in agents)
    assert people / len(agents) >= 0.965
