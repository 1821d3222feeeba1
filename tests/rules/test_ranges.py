"""Addresses that owners of bots publish."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from rules.evidence import Evidence
from rules.ranges import BotRanges, RangesError, ranges, read_file, read_ranges

AGENT = "Mozilla/5.0 (compatible; Acmebot/2.1)"


def test_the_packed_ranges_confirm_and_never_deny() -> None:
    packed = read_ranges()
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert packed.judge(agent, ip_address("66.249.66.1")) == Evidence.VERIFIED
    assert packed.judge(agent, ip_address("::ffff:66.249.66.1")) == Evidence.VERIFIED
    assert packed.judge(agent, ip_address("192.0.2.1")) == Evidence(0)
    assert packed.judge("Mozilla/5.0", ip_address("66.249.66.1")) == Evidence(0)


def test_a_file_of_the_folder_confirms_and_denies(tmp_path: Path) -> None:
    (tmp_path / "Acmebot.txt").write_text("192.0.2.0/24\n2001:db8::/32\n")
    (tmp_path / "README.md").write_text("not a list")
    kept = read_ranges(tmp_path)
    assert kept.judge(AGENT, ip_address("192.0.2.9")) == Evidence.VERIFIED
    assert kept.judge(AGENT, ip_address("2001:db8::9")) == Evidence.VERIFIED
    assert kept.judge(AGENT, ip_address("198.51.100.9")) == Evidence.SPOOFED


def test_json_is_read_as_operators_publish_it(tmp_path: Path) -> None:
    path = tmp_path / "acmebot.json"
    path.write_text(
        '{"creationTime": "x", "prefixes": [{"ipv4Prefix": "192.0.2.0/24"}, '
        '{"ipv6Prefix": "2001:db8::/32"}]}'
    )
    found = read_file(path)
    assert found.hold(ip_address("192.0.2.1"))
    assert found.hold(ip_address("2001:db8::1"))
    assert not found.hold(ip_address("192.0.3.1"))


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.txt", ""), ("a.txt", "nonsense"), ("a.json", "{}"), ("a.json", '{"prefixes": [{}]}'),
     ("a.json", "["), ("a.txt", "10.0.0.1/8")],
)  # fmt: skip
def test_a_list_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RangesError, match=name):
        read_ranges(tmp_path)


def test_the_longest_name_decides() -> None:
    lists = {
        "acmebot": ranges(["192.0.2.0/24"], complete=True),
        "acmebot-image": ranges(["198.51.100.0/24"], complete=True),
    }
    judge = BotRanges(lists).judge
    assert judge("Acmebot-Image/1", ip_address("198.51.100.1")) == Evidence.VERIFIED
    assert judge("Acmebot/1", ip_address("198.51.100.1")) == Evidence.SPOOFED


def test_without_lists_there_is_no_verdict() -> None:
    assert BotRanges({}).judge(AGENT, ip_address("192.0.2.1")) == Evidence(0)
