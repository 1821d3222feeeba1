"""Which pages may talk to the collector."""

import pytest

from edge.collector.origins import cors_headers, is_own_origin
from tests.support.factories import a_site

SITE = a_site(aliases=["127.0.0.1", "[::1]"])


@pytest.mark.parametrize(
    ("origin", "fetch_site", "is_own"),
    [
        (b"https://shop.example", b"", True),
        (b"http://shop.example:8080", b"", True),
        (b"https://www.shop.example", b"same-site", True),
        (b"https://SHOP.example", b"", True),
        (b"http://127.0.0.1:8080", b"", True),
        (b"http://[::1]:8080", b"", True),
        (b"https://shop.example", b"cross-site", True),
        (b"", b"", True),
        (b"", b"same-origin", True),
        (b"null", b"", True),
        (b"null", b"same-origin", True),
        (b"null", b"cross-site", False),
        (b"", b"cross-site", False),
        (b"https://evil.example", b"same-origin", False),
        (b"https://shop.example.evil.example", b"", False),
        (b"ftp://shop.example", b"", False),
        (b"shop.example", b"", False),
        (b"\xff", b"", False),
        (b"http://[::1", b"", False),
    ],
)
def test_own_origin(origin: bytes, fetch_site: bytes, is_own: bool) -> None:
    named = {b"origin": origin, b"sec-fetch-site": fetch_site}
    assert is_own_origin(SITE, named) is is_own


@pytest.mark.parametrize("origin", [b"", b"null", b"*", b"https://evil.example"])
def test_nobody_else_may_read_an_answer(origin: bytes) -> None:
    assert cors_headers(SITE, {b"origin": origin}) == ()
