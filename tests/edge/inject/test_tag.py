"""The tag's markup and the pattern that knows it again."""

import time

import pytest

from edge.inject.tag import own_tag_pattern, render_tag
from tests.edge.inject.factories import SCRIPT, a_tag


def test_the_tag_is_valid_in_html_and_xhtml() -> None:
    assert render_tag(a_tag()) == SCRIPT
    assert render_tag(a_tag(), "n0=") == SCRIPT.replace(b'.js">', b'.js" nonce="n0=">')


@pytest.mark.parametrize(
    ("attributes", "is_ours"),
    [
        (b'src="/sf/1a2b3c4d5e.js"', True),
        (b"src=/sf/00000000.js>", True),
        (b"async SRC = '//edge.example/sf/tracker.js'", True),
        (b'src="https://edge.example/sf/0123456789ab.js"', True),
        (b'src="/sf/1a2b3c4.js"', False),
        (b'src="/sf/app.js"', False),
        (b'src="/assets/sf/1a2b3c4d5e.js"', False),
        (b'src="/sf/1a2b3c4d5e.js?x"', False),
        (b'data-src="/sf/1a2b3c4d5e.js"', False),
    ],
)
def test_a_tag_of_ours_is_known_again(attributes: bytes, is_ours: bool) -> None:
    pattern = own_tag_pattern("/sf/1a2b3c4d5e.js")
    assert bool(pattern.search(b"<script " + attributes + b">")) is is_ours


def test_a_site_with_names_of_its_own_knows_them_too() -> None:
    assert own_tag_pattern("/q9/z7.js").search(b'<script src="/q9/z7.js">')


OTHERS = ("/quiet/old.js", "/quiet/coming.js", "/own/")


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        (b"/new/name.js", True),
        (b"/quiet/old.js", True),
        (b"//edge.example/quiet/coming.js", True),
        (b"/own/0123456789.js", True),
        (b"/own/tracker.js", True),
        (b"/sf/0123456789.js", True),
        (b"/sf/tracker.js", True),
        (b"/quiet/0123456789.js", False),
        (b"/quiet/oldXjs", False),
        (b"/own/app.js", False),
        (b"/quiet/old.js/", False),
        (b"/x/quiet/old.js", False),
    ],
)
def test_names_of_other_times_and_other_edges_are_known(path: bytes, is_ours: bool) -> None:
    pattern = own_tag_pattern("/new/name.js", OTHERS)
    assert bool(pattern.search(b'<script src="' + path + b'">')) is is_ours


@pytest.mark.parametrize(
    "text",
    [
        b"src=//",
        b"src=//a",
        b"src =",
        b"src\t",
        b"src=http://sf/",
        b"src=/quiet/old.j",
        b"src=//\xff",
        b"src=/sf/0123456789a",
    ],
)
def test_the_search_takes_linear_time(text: bytes) -> None:
    pattern = own_tag_pattern("/new/name.js", OTHERS)
    seconds = []
    for length in (20_000, 320_000):
        markup = text * (length // len(text)) + text[-1:] * length
        rounds = []
        for _ in range(5):
            began = time.thread_time()
            assert not pattern.search(markup)
            rounds.append(time.thread_time() - began)
        seconds.append(min(rounds))
    # Sixteen times the text; quadratic would take 256 times as long.
    assert seconds[1] < 64 * seconds[0]
