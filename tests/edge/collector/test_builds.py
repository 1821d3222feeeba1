"""From the frozen tracker to the bytes served, and the tag of each site."""

import gzip
from hashlib import sha256
from itertools import product

import brotli
import pytest
import zstandard

from edge.collector.builds import TrackerBuilds, core_of
from edge.names import WEEK_S, known_names, names_of
from tests.support.factories import a_site
from tracker import cores_of, newest_build

FLAGS = ("count_downloads", "count_forms", "hash_routes")
SOURCE = b'(()=>{let s="__SF__"})()'
NOW = 1_767_225_600.5


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def builds_at(clock: Clock, installed_at: float = 1_000.9) -> TrackerBuilds:
    return TrackerBuilds(SOURCE, now=clock, installed_at=installed_at)


def test_a_build_holds_the_sites_settings() -> None:
    build = TrackerBuilds(SOURCE, now=lambda: 5.9).for_site(a_site(prefix="/x/y"))
    script, tag = build.script, build.tag
    assert script.body == b'(()=>{let s=["/x/y/e","/x/y/p.gif"]})()'
    assert script.hash == sha256(script.body).hexdigest()[:10]
    assert tag.script_url == f"/x/y/{script.hash}.js"
    assert (tag.endpoint_url, tag.module_prefix, tag.modified_at) == ("/x/y/e", "/x/y/m/", 5)


def test_every_coding_gives_the_same_bytes() -> None:
    script = TrackerBuilds(SOURCE).for_site(a_site()).script
    assert brotli.decompress(script.br) == script.body
    assert gzip.decompress(script.gzip) == script.body
    assert zstandard.decompress(script.zstd) == script.body


def test_sites_with_the_same_settings_share_a_script() -> None:
    builds = TrackerBuilds(SOURCE)
    one = builds.for_site(a_site())
    assert builds.for_site(a_site()) == one
    assert builds.for_site(a_site(id=2, host="b.example")).script is one.script
    assert builds.for_site(a_site(id=3, prefix="/q")).script.hash != one.script.hash


@pytest.mark.parametrize(
    ("switches", "core"),
    [
        ({}, b"usual"),
        ({"hash_routes": True}, b"downloads+forms+hash"),
        ({"count_forms": False}, b"downloads"),
        ({"count_downloads": False, "count_forms": False}, b"none"),
    ],
)
def test_what_a_site_does_without_is_not_in_its_script(
    switches: dict[str, bool], core: bytes
) -> None:
    names = ("downloads", "downloads+forms+hash", "none")
    cores = {name: SOURCE + b"/*" + name.encode() + b"*/" for name in names}
    builds = TrackerBuilds(SOURCE + b"/*usual*/", cores=cores)
    assert builds.for_site(a_site(**switches)).script.body.endswith(b"/*" + core + b"*/")


def test_there_is_a_frozen_core_for_every_choice_of_a_site() -> None:
    flags = [dict(zip(FLAGS, choice, strict=True)) for choice in product((False, True), repeat=3)]
    usual = core_of(a_site())
    assert {core_of(a_site(**chosen)) for chosen in flags} == {usual, *cores_of(newest_build())}


def test_a_site_that_keeps_its_queries_or_follows_no_signals_says_so_to_the_script() -> None:
    site = a_site(kept_params=["id"], respect_dnt=False)
    assert TrackerBuilds(SOURCE).for_site(site).script.body == (
        b'(()=>{let s=["/sf/e","/sf/p.gif",1,1]})()'
    )


@pytest.mark.parametrize("source", [b"", b"no placeholder", SOURCE * 2])
def test_a_build_with_another_placeholder_is_refused(source: bytes) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        TrackerBuilds(source)


def test_a_script_name_of_the_sites_is_in_its_tag() -> None:
    builds = TrackerBuilds(SOURCE)
    named, plain = builds.for_site(a_site(script_name="app")), builds.for_site(a_site(id=2))
    assert named.script is plain.script
    assert named.tag.script_url == "/sf/app.js"
    assert named.tag.version != plain.tag.version


def test_quiet_names_are_in_the_script_and_its_tag() -> None:
    site = a_site(quiet_seed="s")
    names = names_of(site, NOW)
    build = builds_at(Clock()).for_site(site)
    assert build.tag.script_url == names.script
    assert (build.tag.endpoint_url, build.tag.module_prefix) == (names.beacon, names.modules)
    assert f'["{names.beacon}","{names.pixel}"'.encode() in build.script.body
    assert b"/sf/" not in build.script.body


def test_when_names_change_the_tag_is_another_and_dated_by_the_change() -> None:
    clock, site = Clock(), a_site(quiet_seed="s")
    builds = builds_at(clock)
    first = builds.for_site(site).tag
    until_s = known_names(site, NOW).until_s
    assert first.modified_at == until_s - WEEK_S
    clock.now = until_s - 1
    assert builds.for_site(site).tag is first
    clock.now = until_s
    second = builds.for_site(site).tag
    assert second.modified_at == until_s
    assert (second.version, second.script_url) != (first.version, first.script_url)
    assert first.script_url in second.others


def test_a_script_of_older_names_sends_to_its_own_endpoint() -> None:
    site, builds = a_site(quiet_seed="s"), builds_at(Clock())
    older = names_of(site, NOW - WEEK_S)
    assert older.beacon.encode() in builds.script(site, older).body
    assert older.beacon.encode() not in builds.for_site(site).script.body


def test_workers_and_restarts_date_a_tag_alike() -> None:
    tags = {builds_at(Clock(NOW + hour * 3_600)).for_site(a_site()).tag for hour in range(3)}
    assert [tag.modified_at for tag in tags] == [1_000]


def test_a_change_of_the_site_dates_its_tag_anew_and_another_snapshot_does_not() -> None:
    clock = Clock()
    builds = builds_at(clock)
    builds.for_site(a_site(mode="off"))
    clock.now += 60
    assert builds.for_site(a_site(mode="on")).tag.modified_at == int(NOW + 60)
    clock.now += 60
    assert builds.for_site(a_site(mode="on")).tag.modified_at == int(NOW + 60)
    assert builds.for_site(a_site(id=2)).tag.modified_at == 1_000


RULES = [
    {"id": "a", "kind": "event", "selectors": ["#buy", ".buy"], "name": "Buy", "props": {"n": "1"}},
    {"id": "b", "kind": "event", "selectors": ["form"], "when": "submit", "name": "Sent"},
]


def test_a_site_with_rules_by_selector_gets_what_follows_them() -> None:
    builds = TrackerBuilds(SOURCE, selectors=b'{let r="__SF_RULES__"}')
    plain = builds.for_site(a_site()).script
    ruled = builds.for_site(a_site(id=2, rules=RULES)).script
    assert ruled.body == plain.body + (
        b'{let r=[["click","#buy,.buy","Buy",{"n":"1"}],["submit","form","Sent",{}]]}'
    )
    assert ruled.hash != plain.hash
    other = builds.for_site(a_site(id=3, rules=[{**RULES[0], "selectors": ["#other"]}])).script
    assert other.hash not in {plain.hash, ruled.hash}


def test_a_rule_that_keeps_a_parameter_lets_the_script_send_queries() -> None:
    rules = [{"id": "k", "kind": "privacy", "action": "keep", "params": ["q"]}]
    assert b'"/sf/p.gif",1]' in TrackerBuilds(SOURCE).for_site(a_site(rules=rules)).script.body


@pytest.mark.parametrize("part", [b"{}", b'"__SF_RULES__" "__SF_RULES__"'])
def test_what_has_no_place_for_the_rules_is_refused(part: bytes) -> None:
    with pytest.raises(ValueError, match="__SF_RULES__"):
        TrackerBuilds(SOURCE, selectors=part)
