"""Hooks of mkdocs that make a site of ``docs/`` without changing how the pages read in the tree.

Pages link to files beside ``docs/`` (``../CHANGELOG.md``): some of those become pages of the site,
to the others the link falls away and its text stays. Decisions are listed from their files. The
one invariant: no page has to know that a site is made of it.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
BESIDE = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
    "tracker/ARCHITECTURE.md": "tracker.md",
    "tracker/package/README.md": "tracker-package.md",
}
"""Files of the tree beside ``docs/`` that are pages of the site, and what they are called there."""
_BLOCK = re.compile(r"\s*(?:[-*] |\d+\. |\|)")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the decisions into the navigation, in their order."""
    section = next(entry for entry in config.nav or [] if "Decisions" in entry)
    section["Decisions"] = ["adr/README.md", *(f"adr/{file.name}" for file in decisions())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie beside ``docs/``."""
    for source, name in BESIDE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links out of ``docs/`` into links to pages, or into their text."""
    if page.file.src_uri == "adr/README.md":
        markdown += "\n" + "\n".join(f"- [{title_of(f)}]({f.name})" for f in decisions()) + "\n"
    here = next((old for old, new in BESIDE.items() if new == page.file.src_uri), None)
    folder = posixpath.dirname(here or f"docs/{page.file.src_uri}")
    linked = _LINK.sub(lambda link: _relinked(link, folder, page.file.src_uri), markdown)
    return _set_apart(linked)


def decisions() -> list[Path]:
    """List the files of decisions."""
    return sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def title_of(file: Path) -> str:
    """Read a page's heading."""
    return file.read_text().partition("\n")[0].removeprefix("# ")


def _set_apart(markdown: str) -> str:
    """Put a line between a paragraph and a list or table; Python-Markdown sees none without it."""
    lines: list[str] = []
    in_fence = False
    for line in markdown.splitlines():
        in_fence ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        follows_text = before.strip() and not _BLOCK.match(before) and before == before.lstrip()
        if _BLOCK.match(line) and follows_text and not in_fence:
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _relinked(link: re.Match[str], folder: str, page: str) -> str:
    picture, text, target = link.groups()
    path, hash_mark, anchor = target.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link[0]
    tree_path = posixpath.normpath(posixpath.join(folder, path))
    name = BESIDE.get(tree_path)
    if name is None and tree_path.startswith("docs/"):
        name = tree_path.removeprefix("docs/")
    if name is None:
        return text
    place = posixpath.relpath(name, posixpath.dirname(page) or ".")
    return f"{picture}[{text}]({place}{hash_mark}{anchor})"
