"""Every page says everything through the catalogues: in a language that is made of marks, no word
of a page stands outside them, but for what is data.

The pages are the routes of the application itself, so a new page is read without being listed.
"""

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel import Locale

from portal import language
from portal.audit.views import OF_STORE
from portal.dashboard import example
from portal.models import Base
from store.client import Store
from tests.portal.access.test_axe import reader
from tests.portal.access.walk import Ask, asks
from tests.portal.access.world import Caller, World, build, store_own_traffic
from tests.support.catalogues import MADE_UP, MARKS, put_made_up

pytestmark = pytest.mark.timeout(300)
_UNREAD = {"script", "style", "code", "kbd", "pre", "textarea"}
_VOID = {"br", "hr", "img", "input", "link", "meta", "rect", "use", "polyline", "path"}
_SAID = ("title", "aria-label", "placeholder", "alt")
_NAMES = re.compile(
    r"[\w.+-]+@[\w.-]+|https?://\S+|[\w*-]+(?:\.[\w-]+)+(?::\d+)?|/[\w/{}$:*.?=-]*|[0-9a-f]{16}"
)
"""Addresses, hosts, paths, names of requests: data wherever they stand."""
_WORD = re.compile(r"[^\W\d_]{2,}")
DATA = {
    *("Statflow", "statflow", "Own team", "Second team", "Default", "own", "Press", "Locked"),
    *("Google", "Signup", "Francujo", "A browser", "Other", "stranger", "guest", "owner"),
    *("Slack, Mattermost, Rocket.Chat", "Discord", "Telegram", "User-Agent: …"),
    *("X-Forwarded-For", "Forwarded", "CF-Connecting-IP (Cloudflare)", "True-Client-IP"),
    *("English", "Français", "Esperanto", "UTC", "EUR", "FR", "DE", "CSV", "JSON", "XLSX"),
    *("LCP", "stats:read", "sites:read", "preview", "live", "staging", "buy", "numbers"),
}
"""Names of the world that is walked, examples of what to type, words that are data or the same in
every language."""
_OF_DATABASE = (
    {
        part
        for table in Base.metadata.tables.values()
        for name in (table.name, *(column.name for column in table.columns))
        for part in name.split("_")
    }
    | OF_STORE
    | {"administrator", "viewer", "editor", "The", "quetzal"}
)
"""The record of changes calls tables and columns by their names, and rows by theirs."""


_OF_EXAMPLE = set(_WORD.findall(Path(example.__file__).read_text())) | {
    word
    for country in Locale.parse(MADE_UP).territories.values()
    for word in _WORD.findall(country)
}
"""Sources, pages and goals that the example made up, and where its visitors come from."""


class Page(HTMLParser):
    """Collects what a page shows: its text in order, and attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.attributes: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.append(tag)
        self.attributes += [value for name, value in attrs if name in _SAID and value]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not _UNREAD & set(self._open):
            self.text.append(data)


def unmarked(text: str) -> str:
    """Leave out what stands between marks, which may hold others."""
    depth, left = 0, []
    for character in text:
        if character == MARKS[0]:
            depth += 1
        elif character == MARKS[1]:
            depth -= 1
        elif not depth:
            left.append(character)
    return "".join(left)


def words_outside(path: str, page: str) -> list[str]:
    """List the words of a page that are neither between marks nor data."""
    parser = Page()
    parser.feed(page)
    left = [*map(str.strip, unmarked("\n".join(parser.text)).splitlines())]
    left += map(unmarked, parser.attributes)
    found = [word for text in left if text not in DATA for word in _WORD.findall(_bare(text))]
    known = DATA
    if path.endswith("/changes"):
        known = known | _OF_DATABASE
    if "/example" in path:
        known = known | _OF_EXAMPLE
    return [word for word in dict.fromkeys(found) if word not in known]


def _bare(text: str) -> str:
    for name in DATA:
        if " " in name:
            text = text.replace(name, " ")
    return _NAMES.sub(" ", text)


@pytest.fixture(scope="module")
def speaking_world(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, store: Store
) -> Iterator[World]:
    store_own_traffic(store)
    folder = tmp_path_factory.mktemp("said")
    put_made_up(folder)
    file = folder / "portal.sqlite"
    shutil.copy(migrated_file, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(language.LANGUAGES, MADE_UP, "Esperanto")
        patch.setattr(language, "DIRECTORIES", f"translations;{folder}")
        yield from build(f"sqlite:///{file}", store)


def pages(world: World) -> Iterator[tuple[str, str]]:
    """Give every page and piece of a page there is, as somebody who may open it reads it."""
    for ask in asks(world.portal.app):
        if ask.method == "GET" and not ask.changed and not ask.rule.startswith("/api/"):
            text = opened(world, reader(world, ask), ask)
            if text:
                yield ask.path(reader(world, ask)), text


def opened(world: World, caller: Caller, ask: Ask) -> str:
    client = world.portal.app.test_client(use_cookies=False)
    headers = caller.headers() | {"Accept-Language": MADE_UP}
    query = {"inline": "1"}
    answer = client.get(ask.path(caller), headers=headers, query_string=query)
    is_page = answer.mimetype == "text/html" and not answer.location
    text = answer.get_data(as_text=True) if is_page else ""
    answer.close()
    return text


def test_every_word_of_every_page_is_in_the_catalogues(speaking_world: World) -> None:
    wrong = [
        f"{path}: {' '.join(words)}"
        for path, text in pages(speaking_world)
        if (words := words_outside(path, text))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_pages_with_and_without_an_account(speaking_world: World) -> None:
    seen = dict(pages(speaking_world))
    assert len(seen) > 40
    for path in ("/account", "/sites/own.example", "/public/open.example", "/login"):
        assert f'lang="{MADE_UP}"' in seen[path]
