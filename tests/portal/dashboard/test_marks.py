"""Marks beside values: known ones, neutral ones, and nothing made of what came from outside."""

import pytest

from portal.dashboard.marks import flag, mark
from portal.install_assets import VENDOR


@pytest.mark.parametrize(
    ("dimension", "value", "name"),
    [
        ("source", "Google", "google"),
        ("source", "Hacker News", "hacker-news"),
        ("source", "Direct / None", "direct"),
        ("source", "blog.example", "globe"),
        ("referrer", "news.google.com/articles", "google"),
        ("referrer", "android-app://com.slack", "slack"),
        ("referrer", "blog.example/path", "globe"),
        ("browser", "Mobile Safari", "safari"),
        ("browser_version", "Firefox 143", "firefox"),
        ("os_version", "macOS 15.1", "apple"),
        ("os", "BeOS", "globe"),
        ("device", "mobile", "mobile"),
        ("device", "fridge", ""),
        ("page", "/google", ""),
    ],
)
def test_a_value_has_its_mark(dimension: str, value: str, name: str) -> None:
    assert mark(dimension, value) == name


def test_a_country_and_its_regions_have_a_flag() -> None:
    assert flag("country", "FR") == flag("region", "FR-IDF") == "vendor/flags/FR.svg"
    assert flag("page", "FR") == ""


@pytest.mark.parametrize("value", ["", "F", "fr", "../..", "FR/../DE", "FRA", "F%", "FR\n"])
def test_what_is_no_country_has_no_flag(value: str) -> None:
    assert flag("country", value) == ""


def test_every_mark_is_installed_and_drawn_in_colours_of_its_own() -> None:
    drawn = (VENDOR / "marks.svg").read_text()
    assert all(f'id="{name}"' in drawn for name in ("google", "globe", "direct", "apple"))
    assert "<style" not in drawn
    assert (VENDOR / "flags" / "FR.svg").is_file()
    assert not (VENDOR / "flags" / "GB-ENG.svg").exists()
