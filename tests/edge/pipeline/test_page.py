"""The page of an event: host, path and properties."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.outcomes import DropReason
from edge.pipeline import page
from edge.pipeline.draft import Draft
from edge.pipeline.page import drop_foreign_host, put_page, put_props

type Make = Callable[..., Draft]

MASK = {"id": "m", "kind": "privacy", "action": "mask", "paths": ["/users/*"], "to": "/users/:id"}
KEEP = {"id": "k", "kind": "privacy", "action": "keep", "params": ["q"]}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://shop.example", "/"),
        ("https://shop.example/", "/"),
        ("https://shop.example/a/b/", "/a/b/"),
        ("https://shop.example/caf%C3%A9", "/café"),
        ("https://shop.example/a%2Fb%20c", "/a%2Fb%20c"),
        ("https://shop.example/a%00b", "/a%00b"),
        ("https://shop.example/%FF", "/%FF"),
        ("https://shop.example/a?b=c&utm_source=x#d", "/a"),
        ("https://shop.example/u/jane%40example.com", "/u/[email]"),
        ("https://shop.example:8443/x", "/x"),
    ],
)
def test_of_a_url_only_the_path_is_kept(a_draft: Make, url: str, path: str) -> None:
    draft = a_draft(url=url)
    put_page(draft)
    assert (draft.hostname, draft.path) == ("shop.example", path)


@pytest.mark.parametrize(
    ("site", "url", "path"),
    [
        ({"kept_params": ["q", "page"]}, "/s?page=2&secret=x&q=tea%20pot", "/s?q=tea+pot&page=2"),
        ({"kept_params": ["q"]}, "/s?q=a@b.example", "/s?q=[email]"),
        ({"kept_params": ["q"]}, "/s?p=1", "/s"),
        ({"hash_routes": True}, "/app#/cart?token=1", "/app#/cart"),
        ({"hash_routes": True}, "/app#", "/app"),
        ({"hash_routes": False}, "/app#/cart", "/app"),
        ({"rules": [MASK]}, "/users/7", "/users/:id"),
        ({"rules": [MASK]}, "/user/7", "/user/7"),
        ({"rules": [MASK], "hash_routes": True}, "/app#/users/7", "/app#/users/:id"),
        ({"rules": [KEEP], "kept_params": ["a"]}, "/s?q=1&a=2&b=3", "/s?a=2&q=1"),
    ],
)
def test_a_site_may_keep_more(a_draft: Make, site: dict[str, Any], url: str, path: str) -> None:
    draft = a_draft(site=site, url=f"https://shop.example{url}")
    put_page(draft)
    assert draft.path == path


def test_a_hostile_query_is_as_good_as_none(a_draft: Make) -> None:
    draft = a_draft(url="https://shop.example/?" + "a=1&" * 400)
    put_page(draft)
    assert (draft.params, draft.path) == ({}, "/")


def test_the_first_value_of_a_parameter_counts(a_draft: Make) -> None:
    draft = a_draft(url="https://shop.example/?ref=a&ref=b")
    put_page(draft)
    assert draft.params == {"ref": "a"}


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("shop.example", True),
        ("SHOP.EXAMPLE", True),
        ("shop.example.", True),
        ("www.shop.example", True),
        ("alias.example", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("evil.example", False),
        ("shop.example.evil.example", False),
        ("xshop.example", False),
        ("blog.shop.example", False),
        ("user@evil.example", False),
    ],
)
def test_only_the_sites_own_hosts_count(a_draft: Make, host: str, is_own: bool) -> None:
    site = {"aliases": ["alias.example", "127.0.0.1", "[::1]"]}
    draft = a_draft(site=site, url=f"https://{host}/")
    put_page(draft)
    assert drop_foreign_host(draft) is (None if is_own else DropReason.HOSTNAME_NOT_ALLOWED)


def test_properties_are_text_and_masked(a_draft: Make) -> None:
    props = (("a", "jane@example.com"), ("b", 3), ("c", 2.0), ("d", 2.5), ("e", True), ("f", ""))
    draft = a_draft(props=props)
    put_props(draft)
    expected = {"a": "[email]", "b": "3", "c": "2", "d": "2.5", "e": "true", "f": ""}
    assert draft.props == expected


def test_names_of_events_and_properties_are_masked_too(a_draft: Make) -> None:
    draft = a_draft(name="Invited jane@example.org", props=(("jane@example.org", "a@b.cc"),))
    put_props(draft)
    assert (draft.name, draft.props) == ("Invited [email]", {"[email]": "[email]"})


@pytest.mark.parametrize(
    ("url", "is_remembered"),
    [
        ("https://shop.example/tea", True),
        ("https://shop.example/tea?utm_source=news&utm_medium=email", True),
        ("https://shop.example/tea?utm_source=jo%40mail.example", False),
        ("https://shop.example/tea?utm_source=jo@mail.example", False),
        ("https://shop.example/tea?name=jo", False),
        ("https://shop.example/tea?utm_source=news&jo=", False),
        ("https://shop.example/jo@mail.example", False),
        ("https://jo:secret@shop.example/tea", False),
        ("https://shop.example/tea#jo", False),
    ],
)
def test_a_page_is_remembered_only_if_all_of_its_address_is_kept(
    a_draft: Make, url: str, is_remembered: bool
) -> None:
    page._landings.clear()
    first, second = a_draft(url=url), a_draft(url=url)
    for draft in (first, second):
        put_page(draft)
    assert (len(page._landings) == 1) is is_remembered
    assert (first.hostname, first.path, first.params) == (
        second.hostname,
        second.path,
        second.params,
    )
