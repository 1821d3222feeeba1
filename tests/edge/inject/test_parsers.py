"""Odd documents made of HTML's own tokens: where the tag goes, two real parsers see a head begin.

The script must be the first element of the head, and the document around it the one without it.
"""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inject.decide import SkipReason
from edge.inject.prelude import Expectations, PreludeScanner
from edge.inject.tag import own_tag_pattern
from tests.edge.inject.factories import SCRIPT
from tests.edge.inject.trees import outline, parse, take_own_script
from tests.support.chromium import Chromium, launch_chromium

SRC = "/sf/1a2b3c4d5e.js"
TOKENS = [
    *("<!doctype html>", "<!DOCTYPE html SYSTEM 'about:legacy-compat'>", "<!doctype", "<!DOCTYPE>"),
    *("<!DOCTYPE html PUBLIC '-//W3C//DTD HTML 4.01//EN' 'http://x/>'>", "<!doctype html [", "]>"),
    *("<!-- a -->", "<!-- <head> -->", "<!---->", "<!-->", "<!--->", "<!--", "-->", "--!>", "--"),
    *("<!--[if IE]><head><![endif]-->", "<![if !IE]>", "<![endif]>", "<!--[if gt IE 8]><!-->"),
    *("<![CDATA[ <head> ]]>", "]]>", "<?xml version='1.0'?>", "<?php echo '>' ?>", "<?", "<!>"),
    *("<html>", "<HTML lang=en>", "<html a='>' b=\">\" c=>", "<html/>", "<html", "<html\n\t a"),
    *("<head>", "<HEAD profile='x>y'>", "<head/>", "<head", "</head>", "<header>", "<head\x0c>"),
    *("<body>", "</body>", "</html>", "</br>", "</p>", "</p a='>'>", "</", "</>", "</ x>", "</3>"),
    *("<title>x</title>", "<meta charset=utf-8>", "<base href=/>", "<link rel=x>", "<style>"),
    *("<script>'<head>'</script>", "<noscript><head></noscript>", "<template><head></template>"),
    *("<svg><head></svg>", "<math>", "<textarea><head>", "<plaintext>", "<frameset>", "<table>"),
    *("<select>", "<select><option>", "</select>", "<image>", "<isindex>", "<input type=hidden>"),
    *(" ", "\n", "\t", "\x0c", "\r\n", "\x0b", "x", "&amp;", "<", ">", "'", '"'),
    *(
        "=",
        "/",
        "<3",
        "< head>",
        "\xa0",
        "\xff",
        "\x1a",
        "<\x00html>",
        "<h\x00ead>",
        "<a:b>",
    ),
]
"""Without NUL and references to white space in the text before a head: the tag stands before them,
and Chromium then keeps a line break, or puts a comment, in another place. Nobody sees either."""
soup = st.lists(st.sampled_from(TOKENS), max_size=24).map("".join)
COMPARE = """
([src, pages]) => {
  const read = (page) => new DOMParser().parseFromString(page, 'text/html');
  const write = (one) => {
    const kind = one.doctype && [one.doctype.name, one.doctype.publicId, one.doctype.systemId];
    const around = [...one.childNodes].map((node) => node.nodeName + (node.data || ''));
    return JSON.stringify([kind, around, one.compatMode, one.documentElement.outerHTML]);
  };
  return pages.filter(([page, tagged]) => {
    const one = read(tagged);
    const found = [...one.querySelectorAll('script[async]')].filter(
      (script) => script.getAttribute('src') === src);
    if (found.length !== 1 || one.head.firstElementChild !== found[0]) return true;
    found[0].remove();
    return write(one) !== write(read(page));
  }).map(([page]) => page);
}
"""


def tagged(page: str) -> str | None:
    """Put the tag in where the scanner wants it; None where it wants none."""
    data = page.encode("latin-1")
    expects = Expectations(tag_bytes=len(SCRIPT), own_tag=own_tag_pattern(SRC))
    scanner = PreludeScanner(expects)
    place = scanner.feed(data)
    place = scanner.finish() if place is None else place
    if isinstance(place, SkipReason):
        return None
    return (data[:place] + SCRIPT + data[place:]).decode("latin-1")


@given(soup)
def test_html5lib_sees_the_tag_first_in_the_head(page: str) -> None:
    changed = tagged(page)
    if changed is None:
        return
    document = parse(changed.encode("latin-1"))
    parent, before = take_own_script(document, SRC)
    assert (parent.tagName, before) == ("head", [])
    assert outline(document) == outline(parse(page.encode("latin-1")))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with launch_chromium() as chromium:
        yield chromium


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_chromium_sees_the_tag_first_in_the_head(chromium: Chromium) -> None:
    dice = random.Random(1)
    pages = ["".join(dice.choices(TOKENS, k=dice.randint(1, 24))) for _ in range(3_000)]
    pairs = [(page, changed) for page in pages if (changed := tagged(page)) is not None]
    with chromium.active() as browser:
        tab = browser.new_page()
        wrong = tab.evaluate(COMPARE, [SRC, pairs])
        tab.close()

    assert len(pairs) > 1_000
    assert wrong == []
