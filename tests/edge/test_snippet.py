"""Requests to the edge's own host, for sites that are not behind it."""

import pytest

from edge.collector.builds import TrackerBuilds
from edge.names import names_of
from edge.sites import Site, Snapshot
from edge.snippet import Snippets, as_snippet, parse_edge_origin
from tests.support.factories import a_site

ORIGIN = "https://edge.example"
SITES = (
    a_site(),
    a_site(id=2, host="b.example", public_key="stk_b", prefix="/q", hash_routes=True),
)
SNAPSHOT = Snapshot(1, SITES)
BUILDS = TrackerBuilds(b'{let s="__SF__"}')


def snippets() -> Snippets:
    return Snippets(ORIGIN, BUILDS.script_hash)


def id_of(site: Site | None) -> int | None:
    return None if site is None else site.id


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("edge.example", ORIGIN),
        ("EDGE.example/", ORIGIN),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("", ""),
    ],
)
def test_the_edges_host_is_an_origin(text: str, origin: str) -> None:
    assert parse_edge_origin(text) == origin


@pytest.mark.parametrize("text", ["ftp://edge.example", "https://edge.example/path", "https://"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a host"):
        parse_edge_origin(text)


@pytest.mark.parametrize(
    ("path", "query", "headers", "found"),
    [
        ("/sf/e", "k=stk_b", [], 2),
        ("/sf/e", "k=stk_b", [(b"Origin", b"https://shop.example")], 2),
        ("/sf/e", "", [(b"Origin", b"https://shop.example")], 1),
        ("/sf/p", "", [(b"Referer", b"https://www.b.example/x")], 2),
        ("/sf/e", "k=stk_other", [], None),
        ("/sf/e", "", [(b"Origin", b"https://other.example")], None),
        ("/sf/0123456789.js", "", [], None),
        ("/sf/opt-out", "k=stk_b", [], None),
    ],
)
def test_a_site_is_found_by_its_key_or_by_the_page_that_asks(
    path: str, query: str, headers: list[tuple[bytes, bytes]], found: int | None
) -> None:
    assert id_of(snippets().find(SNAPSHOT, path, query, headers)) == found


def test_a_script_is_found_by_its_hash_alone() -> None:
    for site in SITES:
        seen = as_snippet(site, ORIGIN)
        script = BUILDS.script(seen, names_of(seen, 0))
        assert script.hash == BUILDS.script_hash(seen)
        assert id_of(snippets().find(SNAPSHOT, f"/sf/{script.hash}.js", "", [])) == site.id


def test_the_script_holds_the_absolute_endpoint_and_the_sites_key() -> None:
    seen = as_snippet(SITES[1], ORIGIN)
    body = BUILDS.script(seen, names_of(seen, 0)).body
    assert body == (
        b'{let s=["https://edge.example/sf/e?k=stk_b","https://edge.example/sf/p?k=stk_b"]}'
    )


def test_only_a_host_that_is_no_sites_is_the_edges() -> None:
    assert snippets().is_host("edge.example:443", SNAPSHOT)
    assert not snippets().is_host("shop.example", SNAPSHOT)
    own = Snapshot(1, (a_site(host="edge.example"),))
    assert not snippets().is_host("edge.example", own)
