"""Which tools build the tracker; what they make of the sources is checked by ``make check``."""

import json
import re
from pathlib import Path

from tracker.build import HERE, README, install_tools, with_sizes


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
    assert "| core " in page
    assert "| vitals |" in page
