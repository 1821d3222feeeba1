"""From the frozen tracker to the bytes served."""

import gzip
from hashlib import sha256

import brotli
import pytest
import zstandard

from edge.collector.builds import TrackerBuilds
from edge.inject.tag import Tag
from tests.support.factories import a_site

SOURCE = b'(()=>{let s="__SF__"})()'


def test_a_build_holds_the_sites_settings() -> None:
    build = TrackerBuilds(SOURCE, now=lambda: 5.9).for_site(a_site(prefix="/x/y", hash_routes=True))
    assert build.body == b'(()=>{let s={"e":"/x/y/e","h":1}})()'
    assert build.hash == sha256(build.body).hexdigest()[:10]
    assert build.tag == Tag(f"/x/y/{build.hash}.js", "/x/y/e", "/x/y/m/", build.hash, 5)


def test_every_coding_gives_the_same_bytes() -> None:
    build = TrackerBuilds(SOURCE).for_site(a_site())
    assert brotli.decompress(build.br) == build.body
    assert gzip.decompress(build.gzip) == build.body
    assert zstandard.decompress(build.zstd) == build.body


def test_sites_with_the_same_settings_share_a_build() -> None:
    builds = TrackerBuilds(SOURCE)
    one = builds.for_site(a_site())
    assert builds.for_site(a_site(id=2, host="b.example")) is one
    assert builds.for_site(a_site(prefix="/q")).hash != one.hash
    assert builds.for_site(a_site(hash_routes=True)).hash != one.hash


def test_a_site_that_keeps_its_queries_or_follows_no_signals_says_so_to_the_script() -> None:
    site = a_site(kept_params=["id"], respect_dnt=False)
    assert TrackerBuilds(SOURCE).for_site(site).body == (
        b'(()=>{let s={"e":"/sf/e","h":0,"k":1,"n":1}})()'
    )


@pytest.mark.parametrize("source", [b"", b"no placeholder", SOURCE * 2])
def test_a_file_that_is_no_frozen_build_is_refused(source: bytes) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        TrackerBuilds(source)
