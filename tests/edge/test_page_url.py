"""The parts of a page's URL: split by hand where it is plain, and then as the library would."""

from urllib.parse import urlsplit

import pytest

from edge.page_url import PageUrl, split_page

URLS = [
    "https://shop.example",
    "https://shop.example/",
    "https://shop.example/a/b;c=d/é?x=1&y=%20#/route?z",
    "http://shop.example:8080/a?b?c#d#e",
    "https://shop.example?only=query",
    "https://shop.example#only-fragment",
    "https://shop.example./a//b",
    "https://.../a",
    "https://SHOP.example/A",
    "HTTPS://shop.example/a",
    "https://user:pass@shop.example/a",
    "https://[2001:db8::1]:443/a",
    "https://shop.example:65535/a",
    "https://shop.example:99999/a",
    "https://shop.example:x/a",
    "https://bücher.example/a",
    "https://shop.example/a b\tc",
    "android-app://com.example.app/a",
    "/only/a/path",
    "",
]


@pytest.mark.parametrize("url", URLS)
def test_parts_are_the_librarys(url: str) -> None:
    parts = urlsplit(url)
    try:
        has_fair_port = parts.port is None or parts.port >= 0
    except ValueError:
        has_fair_port = False
    assert split_page(url) == PageUrl(
        parts.scheme,
        (parts.hostname or "").rstrip("."),
        parts.path,
        parts.query,
        parts.fragment,
        has_fair_port,
    )


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        split_page("https://[::1")
