"""Every case beside a pack holds, and a false case is told by its line."""

from pathlib import Path

from rules.cases import check_cases, run_cases
from rules.policy import inject_pack


def test_every_case_of_every_pack_holds() -> None:
    assert [str(fault) for fault in check_cases()] == []


def test_a_pack_without_cases_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("rules: []\n")
    (fault,) = check_cases(tmp_path)
    assert fault.expected == "expected cases beside it, in new.cases.yaml"


def test_a_rule_is_not_near_what_it_decides(tmp_path: Path) -> None:
    file = tmp_path / "privacy.cases.yaml"
    file.write_text("cases:\n  - {text: a@b.cc, near: email-addresses, expect: '[email]'}\n")
    fault, *_ = run_cases(file)
    assert str(fault).startswith(f"{file}:2: expected a rule that does not decide it")


def test_a_false_case_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "inject.cases.yaml"
    file.write_text("cases:\n  - {url: /, expect: ''}\n  - {url: /, expect: previews}\n")
    fault, *others = run_cases(file)
    assert str(fault) == f"{file}:3: expected 'previews', decided ''"
    assert [other.expected for other in others] == [
        f"expected a case that hits {rule.id}" for rule in inject_pack()
    ]


def test_cases_that_nobody_can_run_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "odd.cases.yaml"
    file.write_text("cases: []\n")
    (fault,) = run_cases(file)
    assert "of one of the packs" in str(fault)
