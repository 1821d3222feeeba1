"""``docs/security.md`` is complete, and what it calls a test is one."""

import re

import pytest

from statflow.settings import ROOT

PAGE = (ROOT / "docs/security.md").read_text()
_ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_SECTIONS = """
1.1:2 1.2:9 1.3:11 1.4:3 1.5:2 2.1:3 2.2:3 2.3:4 2.4:1 3.2:2 3.3:4 3.4:6 3.5:5 3.7:2
4.1:3 4.2:1 4.3:2 4.4:4 5.1:1 5.2:3 5.3:2 5.4:3 6.1:3 6.2:12 6.3:4 6.4:4 6.5:5 6.6:3 6.8:4
7.1:3 7.2:4 7.3:2 7.4:5 7.5:2 7.6:2 8.1:2 8.2:3 8.3:1 8.4:1 9.1:3 9.2:4
10.1:2 10.2:2 10.3:4 10.4:11 10.5:5 10.6:2 10.7:3 11.1:2 11.2:3 11.3:3 11.4:4 11.5:1 11.6:1
12.1:3 12.2:2 12.3:4 13.1:1 13.2:5 13.3:2 13.4:5 14.1:2 14.2:4 14.3:3 15.1:3 15.2:3 15.3:7
16.1:1 16.2:5 16.3:4 16.4:3 16.5:3 17.1:1 17.2:4 17.3:2
"""
LEVEL_2 = {section: int(most) for section, most in re.findall(r"([\d.]+):(\d+)", _SECTIONS)}
"""Section → its requirements of levels 1 and 2, which are numbered first. Source: ASVS 5.0.0."""


def test_every_requirement_of_level_2_is_listed_once() -> None:
    wanted = [f"{section}.{i}" for section, most in LEVEL_2.items() for i in range(1, most + 1)]
    assert len(wanted) == 253
    assert [row[0] for row in _ROW.findall(PAGE)] == wanted


def test_every_row_has_a_test_or_a_reason() -> None:
    for number, what, said in _ROW.findall(PAGE):
        assert len(what.strip()) > 2, number
        assert _TEST.search(said) or len(said.strip()) > 4, number


@pytest.mark.parametrize("name", sorted(set(_TEST.findall(PAGE))), ids="::".join)
def test_every_test_it_names_exists(name: tuple[str, str]) -> None:
    path, function = name
    file = ROOT / "tests" / path
    assert file.is_file(), path
    assert re.search(rf"^\s*(?:async )?def {function}\(", file.read_text(), re.MULTILINE), function


def test_every_page_it_leads_to_exists() -> None:
    for target in set(_LINK.findall(PAGE)):
        assert (ROOT / "docs" / target).resolve().is_file(), target
    for target in set(_LINK.findall((ROOT / "SECURITY.md").read_text())):
        assert (ROOT / target).is_file(), target
