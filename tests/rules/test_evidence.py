"""Signs of programs, and how many make a bot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evidence import (
    SIGNALS,
    Evidence,
    Kind,
    beacon_headers,
    document_headers,
    names,
    probed_path,
    viewport,
    weigh,
)

WINDOWS = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/130.0.0.0 Safari/537.36"
)
PHONE = (
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/130.0.0.0 Mobile Safari/537.36"
)
FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
SAFARI = (
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/17.5 Safari/605.1.15"
)
WEB_VIEW = (
    b"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/X; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36"
)
SAMSUNG = (
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36"
)
LANGUAGE = {b"accept-language": b"de"}
FETCH = {**LANGUAGE, b"sec-fetch-site": b"same-origin", b"sec-fetch-mode": b"cors"}
BRANDS = b'"Google Chrome";v="130", "Chromium";v="130", "Not?A_Brand";v="99"'
CHROME = {
    **FETCH,
    b"sec-ch-ua": BRANDS,
    b"sec-ch-ua-mobile": b"?0",
    b"sec-ch-ua-platform": b'"Windows"',
}
NOTHING = Evidence(0)


@pytest.mark.parametrize(
    ("agent", "headers", "expected"),
    [
        (WINDOWS, CHROME, NOTHING),
        (FIREFOX, FETCH, NOTHING),
        (SAFARI, FETCH, NOTHING),
        (WEB_VIEW, FETCH, NOTHING),
        (SAMSUNG, FETCH, NOTHING),
        (WINDOWS, FETCH, Evidence.HINTS_MISSING),
        (WINDOWS.replace(b"/130.", b"/88."), FETCH, NOTHING),
        (WINDOWS.replace(b"/130.", b"/70."), LANGUAGE, NOTHING),
        (FIREFOX, LANGUAGE, Evidence.FETCH_MISSING),
        (FIREFOX.replace(b"132", b"78"), LANGUAGE, NOTHING),
        (SAFARI.replace(b"17.5", b"15.6"), LANGUAGE, NOTHING),
        (FIREFOX, {**FETCH, b"accept-language": b""}, Evidence.LANGUAGE_MISSING),
        (WINDOWS, {**CHROME, b"sec-ch-ua": b'"HeadlessChrome";v="130"'}, Evidence.HEADLESS),
        (WINDOWS.replace(b"/130.", b"/120."), CHROME, Evidence.HINTS_CONTRADICT),
        (WINDOWS, {**CHROME, b"sec-ch-ua-platform": b'"Linux"'}, Evidence.HINTS_CONTRADICT),
        (WINDOWS, {**CHROME, b"sec-ch-ua-mobile": b"?1"}, Evidence.HINTS_CONTRADICT),
        (WINDOWS, {**CHROME, b"sec-ch-ua-platform": b'"Haiku"'}, NOTHING),
        (PHONE, {**CHROME, b"sec-ch-ua-platform": b'"Android"'}, NOTHING),
        (FIREFOX, CHROME, Evidence.HINTS_CONTRADICT),
        (FIREFOX, {**FETCH, b"sec-fetch-mode": b"navigate"}, Evidence.FETCH_CONTRADICT),
    ],
)  # fmt: skip
def test_headers_of_beacons(agent: bytes, headers: dict[bytes, bytes], expected: Evidence) -> None:
    assert beacon_headers(headers, agent, secure=True) == expected


def test_without_https_only_the_language_is_looked_at() -> None:
    assert beacon_headers(LANGUAGE, WINDOWS, secure=False) == NOTHING
    assert beacon_headers({}, WINDOWS, secure=False) == Evidence.LANGUAGE_MISSING


def test_documents_are_navigated_to() -> None:
    headers = {**CHROME, b"sec-fetch-site": b"none", b"sec-fetch-mode": b"navigate"}
    assert document_headers(headers, WINDOWS, secure=True) == NOTHING
    assert document_headers(CHROME, WINDOWS, secure=True) == Evidence.FETCH_CONTRADICT


@pytest.mark.parametrize(
    ("path", "probed"),
    [
        ("/wp-login.php", True), ("/blog/wp-login.php", True), ("/.env", True),
        ("/.env.local", True), ("/.git/config", True), ("/phpMyAdmin/index.php", True),
        ("/backup.sql", True), ("/", False), ("/environment", False), ("/a/.envelope", False),
        ("/wp-login.php.html", False), ("/blog/about-wp-login", False), ("/pmail", False),
    ],
)  # fmt: skip
def test_paths_that_only_scanners_ask_for(path: str, probed: bool) -> None:
    assert bool(probed_path(path)) is probed


@pytest.mark.parametrize(
    ("width", "odd"),
    [(0, False), (1, True), (49, True), (50, False), (20_000, False), (20_001, True)],
)
def test_widths(width: int, odd: bool) -> None:
    assert bool(viewport(width)) is odd


def test_two_signs_of_one_kind_are_one() -> None:
    assert not weigh(Evidence.HINTS_MISSING | Evidence.FETCH_MISSING | Evidence.HINTS_CONTRADICT)
    assert weigh(Evidence.HINTS_MISSING | Evidence.LANGUAGE_MISSING)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_sign_alone_marks_only_if_it_is_definite(signal: object) -> None:
    bit, kind = signal.bit, signal.kind  # type: ignore[attr-defined]
    assert weigh(bit) is (kind is Kind.DEFINITE)
    assert weigh(bit | Evidence.VERIFIED) is (kind is Kind.DEFINITE)


def test_every_bit_has_a_row_and_a_name() -> None:
    assert {signal.bit for signal in SIGNALS} == set(Evidence)
    assert names(Evidence.RATE | Evidence.AGENT) == ("agent", "rate")
    assert names(0) == ()


@given(
    st.dictionaries(st.sampled_from(sorted(CHROME)), st.binary(max_size=200), max_size=8),
    st.binary(max_size=300),
    st.booleans(),
)
def test_any_headers_are_read(headers: dict[bytes, bytes], agent: bytes, secure: bool) -> None:
    found = beacon_headers(headers, agent, secure=secure)
    found |= document_headers(headers, agent, secure=secure)
    assert int(found) >= 0
