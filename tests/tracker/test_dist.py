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
from tests.support.tracked_site import LATEST, LEDGER, SOURCE
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


def test_the_script_as_it_is_served_keeps_to_the_budget() -> None:
    site = a_site(hash_routes=True, respect_dnt=False, kept_params=["id"])
    settings = script_settings(site, names_of(site, 0)).decode()
    served = SOURCE.replace(PLACEHOLDER, settings).encode()
    assert len(gzip.compress(served, 9)) <= BUDGET_BYTES


@pytest.mark.parametrize("version", LEDGER)
def test_modules_are_frozen_with_their_version_and_keep_to_the_budget(version: str) -> None:
    rows = LEDGER[version]["modules"]
    assert set(rows) == set(Module)
    assert {path.stem for path in (DIST / version).iterdir()} == set(rows)
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
