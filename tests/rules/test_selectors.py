"""Which selectors a rule may name; the browser test tries them in a browser."""

import pytest

from rules.selectors import is_selector
from tests.support.effort import processor_s
from tests.support.selectors import REFUSED, TAKEN


@pytest.mark.parametrize("selector", TAKEN)
def test_a_selector_that_every_browser_knows_is_taken(selector: str) -> None:
    assert is_selector(selector)


@pytest.mark.parametrize("selector", REFUSED)
def test_anything_else_is_refused(selector: str) -> None:
    assert not is_selector(selector)


@pytest.mark.parametrize("part", ["a", "[a", "a>", ":not(", ".a", '"', "a,"])
def test_a_long_text_is_refused_unread(part: str) -> None:
    text = part * 50_000
    assert not is_selector(text)
    assert processor_s(lambda: is_selector(text)) < processor_s(lambda: text.split(part))
