"""Find the commands in the pages: what stands in ``sh`` blocks, word by word."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<(\w+)\n.*?^\1$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:statflow|make) [^`\n]+)`")
_BREAKS = {"&&", "||", "|", ";"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page, without its redirections and settings."""

    page: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Give the language and text of each fenced block."""
    for _, language, text in _FENCE.findall(page.read_text()):
        yield language, text


def commands(page: Path) -> Iterator[Command]:
    """Give the commands of a page's ``sh`` blocks, in order."""
    for language, text in blocks(page):
        if language == "sh":
            for line in _HEREDOC.sub("", text).splitlines():
                yield from _of_line(page.name, line)


def _of_line(page: str, line: str) -> Iterator[Command]:
    if "() {" in line:  # A function of the shell that wraps the command.
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    skips = False
    for token in [*lexer, ";"]:
        if token in _BREAKS:
            if words:
                yield Command(page, tuple(words))
            words = []
        elif set(token) <= set("<>"):
            skips = True
        elif skips:
            skips = False
        elif words or not re.match(r"[A-Z_]+=", token):
            words.append(token)


def mentions(page: Path) -> Iterator[Command]:
    """Give the commands that a page names in its sentences and synopses."""
    text = page.read_text()
    for found in _INLINE.findall(text):
        yield Command(page.name, tuple(found.split()))
    for language, block in blocks(page):
        if language == "text":
            for line in block.splitlines():
                if line.startswith("statflow "):
                    yield Command(page.name, tuple(line.split("  ")[0].split()))
