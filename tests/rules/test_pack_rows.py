"""Packs that are lists of names: every row is hit by what it names, and not by what nearly does."""

from ipaddress import ip_address, ip_network

import pytest
import ua_parser_rs

from rules.agents import HUMAN, Named, known_agents, named_bots
from rules.evidence import Evidence
from rules.matcher import Domains, Networks
from rules.ranges import read_ranges
from rules.sources import CATEGORIES, known_sources
from rules.tables import PACKS, read_table
from tests.support.samples import sample

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36"
)
SAMPLES = {r"(?i)Spider\b.*cloud": "Spider (cloud)"}
"""Texts of patterns whose shortest one is none of theirs."""
ROWS = named_bots()
LISTED = read_table("listed_sources")["hosts"]
HOSTS = [
    (host.replace(".*", ".de"), name, category)
    for category in CATEGORIES
    for name, hosts in read_table("sources")[category].items()
    for host in hosts
]


def alone(row: Named) -> ua_parser_rs.UserAgentExtractor:
    return ua_parser_rs.UserAgentExtractor([(row.pattern, "x", None, None, None, None)])


def broken(text: str) -> str:
    """Put a sign that no agent has behind every letter: the same letters, no name."""
    return "".join(f"{char}~" for char in text)


def test_every_bot_is_hit_by_its_name_and_not_by_its_letters() -> None:
    agents, missed = known_agents(), []
    for row in ROWS:
        found = alone(row)
        name = SAMPLES.get(row.pattern) or sample(row.pattern.removeprefix("(?i)"))
        if not found.extract(name) or agents.classify(name) == HUMAN:
            missed.append((row.pattern, name))
        if found.extract(broken(name)) or found.extract(BROWSER):
            missed.append((row.pattern, "near"))
    assert missed == []
    assert len(ROWS) > 900


def test_every_host_of_a_source_is_it_and_its_lookalike_is_not() -> None:
    sources = known_sources()
    for host, name, category in HOSTS:
        found = sources.of_host(host)
        assert found is not None, host
        assert (found.name, found.category) == (name, category)
        if not sources.of_host(host.partition(".")[2]):
            assert sources.of_host(f"x{host}") is None, host


def test_every_listed_host_of_a_source_has_one_and_its_lookalike_not_that() -> None:
    sources = known_sources()
    for category, names in LISTED.items():
        for name, hosts in names.items():
            for host in hosts:
                found = sources.of_host(host)
                assert found is not None, host
                assert found.category == category or sources.of_word(name) == found, host
                assert sources.of_host(f"{host}.example") is None, host
    assert sum(len(hosts) for names in LISTED.values() for hosts in names.values()) > 250


def test_every_spam_host_is_spam_and_its_lookalike_is_not() -> None:
    hosts = read_table("referrer_spam")["hosts"]
    spam = Domains(hosts)
    for host in hosts:
        assert spam.matches(host)
        assert spam.matches(f"www.{host}")
        assert not spam.matches(f"x{host}") or spam.matches(host.partition(".")[2])
        assert not spam.matches(f"{host}.example")


def test_every_published_network_confirms_its_agents_and_no_other() -> None:
    ranges = read_ranges()
    for source in read_table("bot_ranges")["sources"]:
        for text in source["networks"]:
            network = ip_network(text)
            for agent in source["agents"]:
                assert ranges.judge(agent, network[0]) == Evidence.VERIFIED
                assert ranges.judge(agent, network[-1]) == Evidence.VERIFIED
                assert ranges.judge(agent, ip_address("192.0.2.1")) == Evidence(0)


def test_every_named_network_ends_where_it_says() -> None:
    for texts in read_table("networks").values():
        networks = Networks(texts)
        for text in texts:
            assert networks.matches(ip_network(text)[0])
            assert networks.matches(ip_network(text)[-1])


@pytest.mark.parametrize("pack", sorted(PACKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_pack_has_cases_beside_it(pack: object) -> None:
    name = str(pack).removesuffix(".cases.yaml").removesuffix(".yaml")
    assert {f"{name}.yaml", f"{name}.cases.yaml"} <= {str(path) for path in PACKS.iterdir()}
