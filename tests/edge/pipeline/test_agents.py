"""What a user agent says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pipeline.agents import Agents
from edge.pipeline.draft import Device

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = Agents()


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.6723.70 Safari/537.36",
         ("Chrome", "130", "Windows", "10", "Desktop", "")),
        ((f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/130.0.0.0 "
         "Safari/537.36 Edg/130.0.2849.56"), ("Edge", "130", "macOS", "10", "Desktop", "")),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
         ("Firefox", "132", "Linux", "", "Desktop", "")),
        (("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
         "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"),
         ("Safari", "17", "iOS", "17", "Mobile", "")),
        (("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/12.1 Mobile/15E148 Safari/604.1"), ("Safari", "12", "iOS", "12", "Tablet", "")),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/130.0.0.0 Mobile Safari/537.36",
         ("Chrome", "130", "Android", "14", "Mobile", "")),
        (f"Mozilla/5.0 (Linux; Android 13; SM-X700) {WEBKIT} Chrome/130.0.0.0 Safari/537.36",
         ("Chrome", "130", "Android", "13", "Tablet", "")),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/130.0.0.0 Safari/537.36",
         ("Chrome", "130", "ChromeOS", "14541", "Desktop", "")),
        (("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) "
         "SamsungBrowser/4.0 Chrome/76.0.3809.146 TV Safari/537.36"),
         ("Samsung Internet", "4", "Tizen", "6", "TV", "")),
        ("Mozilla/5.0 (PlayStation; PlayStation 5/8.00) AppleWebKit/605 Version/16.4 Safari/605",
         ("Safari", "16", "", "", "Console", "")),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
         ("Googlebot", "2", "", "", "", "search", "Google")),
        ("", ("", "", "", "", "", "unknown")),
    ],
)  # fmt: skip
def test_an_agent_is_read(agent: str, expected: tuple[str, ...]) -> None:
    assert AGENTS.read(agent.encode()) == Device(*expected)


@given(st.binary(max_size=3_000))
def test_any_bytes_are_read(agent: bytes) -> None:
    assert isinstance(AGENTS.read(agent), Device)
