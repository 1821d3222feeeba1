"""The pack that is made from a package's list."""

from pathlib import Path

import yaml

from rules.agents import CLASSES
from rules.update import (
    LIST,
    NPM_FOLDER,
    PACKAGE,
    SOURCES_LIST,
    SOURCES_PACKAGE,
    SOURCES_TARGET,
    SOURCES_VERSION,
    TARGET,
    bounded,
    is_linear,
    listed_sources,
    operator,
    read_sources_list,
    render_pack,
    render_ranges,
    render_sources,
    rows,
)


def test_the_pack_is_what_its_package_gives() -> None:
    from importlib.metadata import distribution  # noqa: PLC0415 - only this test asks for it.

    package = distribution(PACKAGE)
    kept = TARGET.read_text(encoding="utf-8")
    if yaml.safe_load(kept)["version"] == package.version:
        entries = yaml.safe_load(Path(str(package.locate_file(LIST))).read_text(encoding="utf-8"))
        assert render_pack(entries, package.version) == kept


def test_rows_carry_class_and_operator() -> None:
    entries = [
        {"regex": "AcmeBot", "category": "Search bot", "producer": {"name": "Acme, Inc."}},
        {"regex": "Other", "category": "Crawler"},
        {"regex": "Back(?!track)", "category": "Crawler"},
    ]
    assert list(rows(entries)) == [
        [bounded("AcmeBot"), "search", "Acme"],
        [bounded("Other"), "unknown", ""],
    ]


def test_companies_are_called_by_their_names() -> None:
    assert operator("Google Inc.") == "Google"
    assert operator("Microsoft Corporation") == "Microsoft"
    assert operator("Acme GmbH & Co. KG") == "Acme"
    assert operator("CloudFlare") == "Cloudflare"
    assert operator("") == ""


def test_patterns_that_need_backtracking_are_left_out() -> None:
    assert is_linear("a+b")
    assert not is_linear("(?<=a)b")


def test_every_row_of_the_pack_is_of_a_class() -> None:
    bots = yaml.safe_load(TARGET.read_text(encoding="utf-8"))["bots"]
    assert len(bots) > 500
    assert {row[1] for row in bots} <= set(CLASSES)


def test_the_pack_of_ranges_names_source_and_day() -> None:
    data = {
        "crawlers": {"acmebot": {"name": "AcmeBot"}},
        "sources": {
            "a": {
                "covers": ["acmebot"],
                "upstream_url": "https://acme.example/bot.json",
                "fetched_at": "2026-09-02T14:41:05+00:00",
                "ipv4": ["192.0.2.0/24"],
            },
            "b": {"covers": []},
        },
    }
    pack = yaml.safe_load(render_ranges(data, "1.0"))
    assert pack["sources"] == [
        {
            "agents": ["AcmeBot"],
            "from": "https://acme.example/bot.json",
            "fetched": "2026-09-02",
            "networks": ["192.0.2.0/24"],
        }
    ]


def test_the_pack_of_sources_is_what_its_package_gives() -> None:
    """Held where `make rules-update` has run; elsewhere by the next test alone."""
    folder = NPM_FOLDER / "node_modules" / SOURCES_PACKAGE
    if (folder / SOURCES_LIST).exists():
        assert render_sources(read_sources_list(), SOURCES_VERSION) == SOURCES_TARGET.read_text()
    assert yaml.safe_load(SOURCES_TARGET.read_text())["version"] == SOURCES_VERSION


def test_of_a_list_of_sources_only_what_the_table_does_not_know_is_taken() -> None:
    entries = {
        "www.new.example": {"medium": "search", "source": "New"},
        "a.new.example/x": {"medium": "search", "source": "New"},
        "www.google.de": {"medium": "search", "source": "Google"},
        "ads.example": {"medium": "paid", "source": "Ads"},
        "mail.example": {"medium": "email", "source": "Mail"},
    }
    assert listed_sources(entries) == {
        "search": {"New": ["new.example"]},
        "email": {"Mail": ["mail.example"]},
    }
