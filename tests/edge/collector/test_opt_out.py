"""The opt-out page and the one cookie."""

import pytest

from tests.edge.collector.conftest import Edge, header

FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


def test_the_page_is_plain(edge: Edge) -> None:
    answer = edge.ask("GET", "/sf/opt-out")
    assert answer.status == 200
    assert header(answer, b"content-type") == b"text/html; charset=utf-8"
    assert header(answer, b"cache-control") == b"no-store"
    assert b"default-src 'none'" in (header(answer, b"content-security-policy") or b"")
    assert b"<script" not in answer.body
    assert b"style=" not in answer.body
    assert header(answer, b"set-cookie") is None
    assert b"Your visits are counted." in answer.body


def test_it_says_when_visits_are_not_counted(edge: Edge) -> None:
    answer = edge.ask("GET", "/sf/opt-out", add=[(b"Cookie", b"a=b; sf_out=1")])
    assert b"not counted" in answer.body


def test_a_click_sets_the_cookie(edge: Edge) -> None:
    answer = edge.ask("POST", "/sf/opt-out", b"count=no", add=[FORM])
    assert answer.status == 303
    assert header(answer, b"location") == b"/sf/opt-out"
    assert header(answer, b"set-cookie") == (
        b"sf_out=1; Path=/; Max-Age=31536000; SameSite=Lax; Secure"
    )


def test_a_second_click_removes_it(edge: Edge) -> None:
    answer = edge.ask("POST", "/sf/opt-out", b"count=yes", add=[FORM], secure=False)
    assert header(answer, b"set-cookie") == b"sf_out=; Path=/; Max-Age=0; SameSite=Lax"


@pytest.mark.parametrize(
    "add",
    [
        [(b"Sec-Fetch-Site", b"cross-site")],
        [(b"Sec-Fetch-Site", b"none")],
        [(b"Sec-Fetch-Site", b""), (b"Origin", b"https://evil.example")],
        [(b"Sec-Fetch-Site", b""), (b"Origin", b"null")],
        [(b"Sec-Fetch-Site", b""), (b"Origin", b"")],
        [(b"Sec-Fetch-Site", b""), (b"Origin", b""), (b"Referer", b"https://evil.example/")],
    ],
)
def test_another_sites_form_sets_nothing(edge: Edge, add: list[tuple[bytes, bytes]]) -> None:
    answer = edge.ask("POST", "/sf/opt-out", b"count=no", add=add)
    assert answer.status == 403
    assert header(answer, b"set-cookie") is None


@pytest.mark.parametrize(
    "add",
    [
        [(b"Sec-Fetch-Site", b"")],
        [(b"Sec-Fetch-Site", b""), (b"Origin", b""), (b"Referer", b"https://shop.example/sf/x")],
    ],
)
def test_older_browsers_may_click_too(edge: Edge, add: list[tuple[bytes, bytes]]) -> None:
    assert edge.ask("POST", "/sf/opt-out", b"count=no", add=add).status == 303


def test_other_methods_are_refused(edge: Edge) -> None:
    assert edge.ask("PUT", "/sf/opt-out").status == 405
    assert edge.ask("HEAD", "/sf/opt-out").body == b""
