"""The sites snapshot: taken whole or refused whole, with the reason in words."""

import contextlib
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sites import (
    FIELDS,
    Origin,
    SnapshotError,
    normal_host,
    parse_snapshot,
    render_snapshot,
    shard_of,
)
from tests.support.factories import a_site

SHOP: dict[str, Any] = {
    "id": 1,
    "host": "shop.example",
    "aliases": ["www.shop.example", "127.0.0.1"],
    "upstreams": ["https://origin.example", "http://10.0.0.1:8080"],
    "public_key": "stk_1",
    "timezone": "Asia/Kathmandu",
}


def test_a_snapshot_finds_sites_without_port_case_and_final_dot() -> None:
    snapshot = parse_snapshot(render_snapshot(7, [SHOP]))
    for authority in ("shop.example", "SHOP.Example:8080", "shop.example.", "127.0.0.1:8080"):
        site = snapshot.find(authority)
        assert site is not None
        assert site.id == 1
    assert snapshot.find("other.example") is None
    assert snapshot.find("shop.example.evil.example") is None


FORMER = {"prefix": "/q", "script_name": "", "quiet_seed": "", "until_s": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "a..b"}, "host"),
        ({"host": "a b"}, "host"),
        ({"upstreams": "http://x"}, "upstreams: expected a list"),
        ({"upstreams": ["ftp://x"]}, "http"),
        ({"upstreams": ["http://x/path"]}, "path"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"prefix": "sf"}, "prefix"),
        ({"mode": "maybe"}, "mode"),
        ({"respect_dnt": "yes"}, "respect_dnt"),
        ({"colour": "red"}, "colour"),
        ({"former_names": [{"prefix": "/q"}]}, "former_names: expected objects of prefix"),
        ({"former_names": [FORMER | {"prefix": "q"}]}, "expected a path"),
        ({"former_names": [FORMER | {"until_s": "soon"}]}, "whole number"),
        ({"id": -1}, "id"),
        ({"id": True}, "id"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        render_snapshot(1, [SHOP | change])


def test_a_missing_field_is_named() -> None:
    with pytest.raises(SnapshotError, match="public_key"):
        render_snapshot(1, [{k: v for k, v in SHOP.items() if k != "public_key"}])


def test_what_a_newer_portal_says_is_passed_over_and_told() -> None:
    newer = orjson.loads(render_snapshot(3, [SHOP], release="9.0.0"))
    newer["sites"][0] |= {"flavour": "mint", "depth": 7}
    snapshot = parse_snapshot(orjson.dumps(newer))
    assert snapshot.sites == parse_snapshot(render_snapshot(3, [SHOP])).sites
    assert snapshot.passed_over == ("depth", "flavour")
    newer["sites"][0]["mode"] = "sideways"
    with pytest.raises(SnapshotError, match="mode"):
        parse_snapshot(orjson.dumps(newer))


def test_a_portal_publishes_no_field_of_which_it_does_not_know() -> None:
    with pytest.raises(SnapshotError, match="flavour"):
        render_snapshot(3, [SHOP | {"flavour": "mint"}], release="9.0.0")


def test_two_sites_may_not_claim_one_host_or_one_id() -> None:
    other = SHOP | {"id": 2, "host": "other.example", "aliases": ["shop.example"]}
    with pytest.raises(SnapshotError, match="two sites"):
        render_snapshot(1, [SHOP, other])
    with pytest.raises(SnapshotError, match="same id"):
        render_snapshot(1, [SHOP, other | {"id": 1, "aliases": []}])


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schema", "number", "sites", *SHOP]), children, max_size=6
            )
        ),
        max_leaves=12,
    ).map(orjson.dumps)
)
def test_garbage_is_refused_and_never_raises_anything_else(raw: bytes) -> None:
    with contextlib.suppress(SnapshotError):
        assert parse_snapshot(raw).number >= 0


def test_hosts_in_brackets_keep_them() -> None:
    assert normal_host("[::1]:8080") == "[::1]"
    assert str(Origin.parse("http://[::1]:81")) == "http://[::1]:81"


def test_a_site_is_always_in_the_same_shard() -> None:
    assert [shard_of(n) for n in (1, 2, 3)] == [55, 13, 27]
    assert a_site(id=2).shard == 13


def test_every_field_of_the_snapshot_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sites.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(FIELDS)
