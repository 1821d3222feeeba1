"""Every case beside a pack holds, and a false case is told by its line."""

from pathlib import Path

from rules.cases import check_cases, run_cases
from rules.loader import read_document
from rules.policy import inject_pack
from rules.tables import PACKS


def test_every_case_of_every_pack_holds() -> None:
    assert [str(fault) for fault in check_cases()] == []


def test_every_rule_of_the_inject_pack_has_a_case() -> None:
    cases = read_document(PACKS / "inject.cases.yaml").values["cases"]
    assert {rule.id for rule in inject_pack()} == {c["expect"] for c in cases} - {""}


def test_a_false_case_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "inject.cases.yaml"
    file.write_text("cases:\n  - {url: /, expect: ''}\n  - {url: /, expect: previews}\n")
    (fault,) = run_cases(file)
    assert str(fault) == f"{file}:3: expected 'previews', decided ''"


def test_cases_that_nobody_can_run_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "odd.cases.yaml"
    file.write_text("cases: []\n")
    (fault,) = run_cases(file)
    assert "of one of the packs" in str(fault)
