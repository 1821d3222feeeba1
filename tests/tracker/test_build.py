"""Which tools build the tracker; what they make of the sources is checked by ``make check``."""

import json
import re
from pathlib import Path

from tracker.build import HERE, README, install_tools, with_sizes
from tracker.others import OTHERS, UMAMI, read_others


def test_the_tools_are_pinned_and_not_fetched_again(tmp_path: Path) -> None:
    pinned = json.loads((HERE / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pinned.values())
    (tmp_path / "installed.json").write_text(json.dumps(pinned))
    install_tools(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["installed.json"]


def test_the_sizes_in_the_readme_are_those_of_the_ledger() -> None:
    """After a change: make tracker."""
    page = README.read_text()
    assert with_sizes(page) == page
    assert "everything on |" in page
    assert "| module `vitals` |" in page


def test_ours_with_everything_on_is_smaller_than_others_that_do_as_much() -> None:
    ledger = json.loads((HERE / "dist" / "versions.json").read_text())
    core = max(row["cores"]["downloads+forms+hash"]["gzip_bytes"] for row in ledger.values())
    others = read_others()
    assert {name: row["version"] for name, row in others.items()} == {**OTHERS, UMAMI[0]: UMAMI[1]}
    # Plausible's older one and Umami's know page views and declared events, and little more.
    less = {"plausible-tracker", "umami"}
    assert core < min(row["gzip_bytes"] for name, row in others.items() if name not in less)
