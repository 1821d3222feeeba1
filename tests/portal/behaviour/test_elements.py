"""Elements in words: what they are, and which part of the page they stand in."""

import pytest

from portal.behaviour.elements import name_of


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("", "The page itself"),
        ("#newsletter", "Element “newsletter”"),
        ("#basket>a", "Link in “basket”"),
        ("header>nav>a:nth-of-type(2)", "Link 2 in the navigation"),
        ("main>article>div>p:nth-of-type(4)>button", "Button in the article"),
        ("main>section>a:nth-of-type(2)>svg", "Link (drawing) in the main part"),
        ("div:nth-of-type(3)>x-card", "Area"),
        ("main", "Main part"),
    ],
)
def test_a_selector_is_said_in_words(selector: str, name: str) -> None:
    assert name_of(selector) == name
