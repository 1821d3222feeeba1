"""Globs, networks and masks: what they match, what they nearly match, and in how many steps."""

from ipaddress import ip_address

import pytest

from rules import matcher
from rules.loader import parse_rule
from rules.matcher import Domains, Glob, Networks, plain_path, write_mask


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", False),
        ("/a*", "/a/b/c", True),
        ("/a/*", "/a/b/c", True),
        ("/a/*", "/a", False),
        ("/a/**", "/a", True),
        ("/a/**", "/ab", False),
        ("*/b", "/a/b", True),
        ("/a*a", "/a", False),
        ("/a/*/c", "/a/b/b/c", True),
        ("/a/*/c/*/e", "/a/c/e", False),
        ("/*.html", "/x.html/y", False),
        ("*", "", True),
        ("/a.c", "/abc", False),
        ("/[a-z]", "/[a-z]", True),
    ],
)
def test_globs_match_whole_paths(pattern: str, text: str, expected: bool) -> None:
    assert Glob(pattern).matches(text) is expected


@pytest.mark.parametrize("stars", [2, 20, 200])
def test_a_hostile_glob_takes_one_search_a_piece_and_never_goes_back(
    stars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []
    find = matcher.find_within

    def counted(text: str, piece: str, start: int, end: int) -> int:
        starts.append(start)
        return find(text, piece, start, end)

    monkeypatch.setattr(matcher, "find_within", counted)
    for length in (1_000, 100_000):
        starts.clear()
        assert not Glob("/" + "*a" * stars + "*b*").matches("/" + "a" * length)
        assert len(starts) <= stars + 1
        assert starts == sorted(starts)


def test_networks_join_overlapping_ranges_of_both_versions() -> None:
    networks = Networks(["203.0.113.0/24", "203.0.113.64/26", "198.51.100.7/32", "2001:db8::/32"])
    inside = ["203.0.113.0", "203.0.113.255", "198.51.100.7", "2001:db8::1", "::ffff:203.0.113.9"]
    outside = ["203.0.112.255", "203.0.114.0", "198.51.100.6", "2001:db9::", "::1"]
    assert all(networks.matches(ip_address(text)) for text in inside)
    assert not any(networks.matches(ip_address(text)) for text in outside)


def test_a_domain_stands_for_its_subdomains_and_not_for_its_lookalikes() -> None:
    domains = Domains(["spam.example"])
    assert domains.matches("spam.example")
    assert domains.matches("www.spam.example")
    assert not domains.matches("notspam.example")
    assert not domains.matches("spam.example.org")


@pytest.mark.parametrize(
    ("paths", "to", "path", "expected"),
    [
        (["/users/*"], "/users/:id", "/users/7", "/users/:id"),
        (["/users/*"], "/users/:id", "/users/7/edit", "/users/:id"),
        (["/users/*/*"], "/users/:id/$2", "/users/7/edit/now", "/users/:id/edit/now"),
        (["/users/*"], "/users/:id", "/user/7", "/user/7"),
        (["/a/**"], "/a/$1", "/a", "/a/"),
    ],
)
def test_masks_write_what_stars_stood_for(
    paths: list[str], to: str, path: str, expected: str
) -> None:
    rule = parse_rule({"id": "m", "kind": "privacy", "action": "mask", "paths": paths, "to": to})
    assert write_mask(rule, path) == expected


def test_paths_are_decoded_unless_that_changes_their_meaning() -> None:
    assert plain_path("/caf%C3%A9") == "/café"
    assert plain_path("/a%2Fb%20c") == "/a%2Fb%20c"
    assert plain_path("/%ff") == "/%ff"
