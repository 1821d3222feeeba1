"""The catalogues: as the sources are, whole, and nothing lost on the way to another language."""

import io
import re

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from portal.language import LANGUAGES, SOURCE
from tests.support.catalogues import CATALOGUES, extracted, placeholders

OTHERS = sorted(set(LANGUAGES) - {SOURCE})
HINT = "`make translations` takes the texts of the sources into the catalogues and compiles them."


@pytest.fixture(scope="module")
def sources() -> Catalog:
    return extracted()


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def messages(language: str) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


def test_a_language_is_offered_when_it_has_a_catalogue() -> None:
    assert sorted(path.name for path in CATALOGUES.iterdir()) == OTHERS


@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_has_the_texts_of_the_sources(language: str, sources: Catalog) -> None:
    wanted = {str(message.id) for message in sources if message.id}
    found = {str(message.id) for message in messages(language)}
    assert wanted - found == set(), HINT
    assert found - wanted == set(), HINT


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    lacking = [m.id for m in messages(language) if m.fuzzy or not all(forms(m.string) or [""])]
    assert lacking == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_a_text_leaves_open_is_in_its_translation(language: str) -> None:
    wrong = []
    for message in messages(language):
        wanted = placeholders(forms(message.id)[-1])
        for form in forms(message.string):
            found = placeholders(form)
            if found != wanted and sorted(set(found)) != sorted(set(wanted)):
                wrong.append((message.id, form))
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_texts(language: str) -> None:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue(language))
    compiled = (CATALOGUES / language / "LC_MESSAGES" / "messages.mo").read_bytes()
    assert compiled == buffer.getvalue(), HINT


def test_french_has_its_own_spaces_and_quotation_marks() -> None:
    """A line never breaks before a double mark, nor inside the marks of a quotation."""
    wrong = []
    for message in messages("fr"):
        for form in forms(message.string):
            bare = re.sub(r"<[^>]*>|https?://\S*", "x", form)
            if re.search(r" [:;?!»](\s|$)|« |[“”]|\w'\w", bare):
                wrong.append(form)
    assert wrong == []
