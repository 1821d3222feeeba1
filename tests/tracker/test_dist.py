"""The frozen builds are what the ledger says, small, and ready for the edge."""

import gzip
import hashlib
import json
import re

import pytest

from edge.collector.builds import script_settings
from edge.names import names_of
from edge.sites import Module
from tests.support.factories import a_site
from tests.support.tracked_site import CORES, LATEST, LEDGER, SOURCE, USUAL
from tracker import DIST, selectors_build

BUDGET_BYTES = 1_536
SELECTORS_BUDGET_BYTES = 256
PLACEHOLDER = '"__SF__"'


def test_the_newest_build_is_the_version_of_the_package() -> None:
    package = json.loads((DIST.parent / "package.json").read_text())
    assert package["version"] == LATEST


@pytest.mark.parametrize("version", LEDGER)
def test_a_build_has_one_placeholder_and_the_bytes_of_the_ledger(version: str) -> None:
    source = (DIST / f"{version}.js").read_bytes()
    assert source.count(PLACEHOLDER.encode()) == 1
    assert source.count(b"__SF__") == 1
    assert source.isascii()
    assert hashlib.sha256(source).hexdigest() == LEDGER[version]["sha256"]


def test_every_file_is_in_the_ledger() -> None:
    assert {path.stem for path in DIST.glob("*.js")} == set(LEDGER)


@pytest.mark.parametrize("parts", CORES)
def test_the_script_as_it_is_served_keeps_to_the_budget(parts: str) -> None:
    site = a_site(respect_dnt=False, kept_params=["id"])
    settings = script_settings(site, names_of(site, 0)).decode()
    served = CORES[parts].replace(PLACEHOLDER, settings).encode()
    assert len(gzip.compress(served, 9)) <= BUDGET_BYTES


def test_a_core_without_a_part_is_smaller_and_frozen_too() -> None:
    rows = LEDGER[LATEST]["cores"] | {USUAL: LEDGER[LATEST]}
    assert set(rows) == set(CORES)
    for name, source in CORES.items():
        assert hashlib.sha256(source.encode()).hexdigest() == rows[name]["sha256"]
        assert ("File Download" in source) is ("downloads" in name)
        assert ("Form: Submission" in source) is ("forms" in name)
        assert ("location.hash" in source) is ("hash" in name)
    by_size = sorted(rows, key=lambda name: int(rows[name]["gzip_bytes"]))
    assert (by_size[0], by_size[-1]) == ("none", "downloads+forms+hash")


@pytest.mark.parametrize("version", LEDGER)
def test_modules_are_frozen_with_their_version_and_keep_to_the_budget(version: str) -> None:
    rows = LEDGER[version]["modules"]
    assert set(rows) == set(Module)
    assert {path.stem for path in (DIST / version).glob("*.js")} == set(rows)
    for name, row in rows.items():
        body = (DIST / version / f"{name}.js").read_bytes()
        assert hashlib.sha256(body).hexdigest() == row["sha256"]
        assert len(gzip.compress(body, 9)) <= BUDGET_BYTES


@pytest.mark.parametrize("name", Module)
def test_modules_read_no_value_and_no_text_of_the_page(name: str) -> None:
    source = (DIST / LATEST / f"{name}.js").read_text()
    for word in ("innerText", "textContent", "innerHTML", "selectedOptions", "localStorage"):
        assert word not in source
    assert not re.search(r"target\.value|form\.elements|\.toString\(\)|eval\(", source)


@pytest.mark.parametrize("word", ["eval(", "Function(", "innerHTML", "currentScript", "Storage"])
def test_the_script_uses_nothing_a_strict_page_forbids(word: str) -> None:
    assert word not in SOURCE


def test_rules_by_selector_cost_other_sites_nothing_and_their_own_little() -> None:
    code = selectors_build().read_bytes()
    assert code.count(b'"__SF_RULES__"') == code.count(b"__SF_RULES__") == 1
    assert b"__SF_RULES__" not in SOURCE.encode()
    assert code.isascii()
    assert hashlib.sha256(code).hexdigest() == LEDGER[LATEST]["selectors"]["sha256"]
    served = code.replace(b'"__SF_RULES__"', b"[]")
    assert len(gzip.compress(served, 9)) <= SELECTORS_BUDGET_BYTES
