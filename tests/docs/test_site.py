"""The site of the pages: it is made without a warning, whole, and asks nobody else for anything."""

import re
import subprocess
import sys
from pathlib import Path

import html5lib
import pytest

from tests.support.stack import ROOT

pytestmark = pytest.mark.timeout(240)
_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
SKIPPED = {"code", "pre", "script", "style", *(f"h{level}" for level in range(1, 7))}
_FOREIGN = re.compile(r"(?:url\(|@import\s+)['\"]?(?:https?:)?//")
_LEFT_OVER = re.compile(r"```|^\s*\|?\s*:?---|\]\(\S+\)|\n\s*(?:[-*]|\d+\.) \S", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_it(site: Path) -> None:
    wanted = {file.relative_to(ROOT / "docs") for file in (ROOT / "docs").rglob("*.md")}
    missing = [
        page
        for page in wanted
        if not (site / page.with_suffix(".html")).exists() and page.name != "README.md"
    ]
    assert missing == []
    for name in ("index", "changelog", "reporting", "tracker", "tracker-package", "adr/index"):
        assert (site / f"{name}.html").exists(), name
    assert "bounce_rate" in (site / "search" / "search_index.json").read_text()


def test_a_readers_browser_is_sent_nowhere_else(site: Path) -> None:
    foreign = []
    for page in site.rglob("*.html"):
        tree = html5lib.parse(page.read_text(), namespaceHTMLElements=False)
        for tag, attribute in _LOADS.items():
            addresses = (element.get(attribute, "") for element in tree.iter(tag))
            foreign += [(page.name, a) for a in addresses if re.match(r"(?:https?:)?//", a)]
    assert foreign == []
    sheets = [*site.rglob("*.css")]
    assert sheets
    assert not [sheet.name for sheet in sheets if _FOREIGN.search(sheet.read_text())]


def test_no_markdown_is_left_over(site: Path) -> None:
    """Two readers of Markdown differ in corners; what one does not know it prints."""
    found = []
    for page in site.rglob("*.html"):
        tree = html5lib.parse(page.read_text(), namespaceHTMLElements=False)
        article = tree.find(".//article")
        if article is not None:
            found += [(page.name, text) for text in _texts(article) if _LEFT_OVER.search(text)]
    assert found == []


def _texts(element: object) -> list[str]:
    """Give the texts of an element outside of code."""
    texts = [element.text or ""]  # type: ignore[attr-defined]
    for child in element:  # type: ignore[attr-defined]
        if child.tag not in SKIPPED:
            texts += _texts(child)
        texts.append(child.tail or "")
    return texts
