"""Which source a host or a campaign's word is."""

import json
from pathlib import Path

import pytest

from rules.sources import Source, Sources, known_sources
from rules.tables import read_table

SHARED = Path(__file__).parents[3] / "shared/data/referrers"


@pytest.mark.parametrize(
    ("host", "name", "category"),
    [
        ("google.com", "Google", "search"),
        ("www.google.de", "Google", "search"),
        ("google.co.uk", "Google", "search"),
        ("mail.google.com", "Gmail", "email"),
        ("gemini.google.com", "Gemini", "ai"),
        ("news.google.com", "Google News", "search"),
        ("uk.search.yahoo.com", "Yahoo!", "search"),
        ("mail.yahoo.com", "Yahoo! Mail", "email"),
        ("old.reddit.com", "Reddit", "social"),
        ("t.co", "Twitter", "social"),
        ("youtu.be", "YouTube", "video"),
        ("www.amazon.com.br", "Amazon", "shopping"),
        ("chatgpt.com", "ChatGPT", "ai"),
        ("www.perplexity.ai", "Perplexity", "ai"),
        ("com.google.android.gm", "Gmail", "email"),
        ("gist.github.com", "GitHub", "referral"),
    ],
)
def test_a_known_host_has_its_source(host: str, name: str, category: str) -> None:
    assert known_sources().of_host(host) == Source(name, category)


@pytest.mark.parametrize(
    "host",
    ["example.com", "notgoogle.com", "google.evil-site.com", "google.com.evil.com", "com", "", "x"],
)
def test_a_near_miss_has_none(host: str) -> None:
    assert known_sources().of_host(host) is None


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("google", "Google"),
        ("Google", "Google"),
        ("google.com", "Google"),
        ("fb", "Facebook"),
        ("chatgpt.com", "ChatGPT"),
        ("yahoo", "Yahoo!"),
        ("hn", "Hacker News"),
    ],
)
def test_a_campaigns_word_is_a_name_an_alias_or_a_host(word: str, name: str) -> None:
    found = known_sources().of_word(word)
    assert found is not None
    assert found.name == name


def test_an_unknown_word_has_none() -> None:
    assert known_sources().of_word("our-newsletter") is None


def test_a_listed_host_names_a_source_but_its_name_is_no_campaigns_word() -> None:
    assert known_sources().of_host("recherche.aliceadsl.fr") is None
    assert known_sources().of_host("rechercher.aliceadsl.fr") == Source("Alice Adsl", "search")
    assert known_sources().of_host("search.free.fr") == Source("Free", "search")
    assert known_sources().of_word("free") is None


def test_the_list_only_adds_to_the_table() -> None:
    listed = {"social": {"Google": ["google.example"], "New": ["google.com", "new.example"]}}
    sources = Sources(read_table("sources"), listed)
    assert sources.of_host("google.example") == Source("Google", "search")
    assert sources.of_host("google.com") == Source("Google", "search")
    assert sources.of_host("new.example") == Source("New", "social")


def test_a_host_may_not_stand_for_two_sources() -> None:
    table = read_table("sources")
    with pytest.raises(ValueError, match="two sources"):
        Sources(table | {"audio": {"Other": ["google.*"]}})


def test_ai_assistants_of_other_peoples_lists_are_known() -> None:
    """The built-in cases above stand for people who do not have the shared lists."""
    shared = SHARED / "matomo_AIAssistants.json"
    names = json.loads(shared.read_text()) if shared.exists() else {"Claude": ["claude.ai"]}
    hosts = [host for hosts in names.values() for host in hosts if "/" not in host]
    known = [host for host in hosts if (s := known_sources().of_host(host)) and s.category == "ai"]
    assert len(known) / len(hosts) > 0.85
