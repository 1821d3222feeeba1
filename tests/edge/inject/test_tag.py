"""The tag's markup and the pattern that knows it again."""

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
