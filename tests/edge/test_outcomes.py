"""The table of outcomes and its page say the same."""

from pathlib import Path

from edge.outcomes import REASONS, DropReason, Stage

PAGE = Path(__file__).parents[2] / "docs/outcomes.md"


def test_the_page_lists_exactly_the_reasons() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{row.reason}` | {row.stage} | {'yes' if row.unexpected else 'no'} | {row.meaning} |"
        for row in REASONS
    ]


def test_every_reason_has_one_row_in_the_order_of_stages() -> None:
    assert sorted(row.reason for row in REASONS) == sorted(DropReason)
    stages = [list(Stage).index(row.stage) for row in REASONS]
    assert stages == sorted(stages)
