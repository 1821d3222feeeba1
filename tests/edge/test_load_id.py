"""Load ids: given out by this site, read back by it, and by nobody else's word."""

from hypothesis import given
from hypothesis import strategies as st

from edge.load_id import (
    error_status,
    make_load_id,
    read_load_id,
    render_load_id,
    was_ahead,
)
from tests.support.factories import a_site

SITE = a_site(load_key="a secret of the installation")


@given(st.integers(0, 2**48 - 1), st.booleans(), st.integers(200, 999))
def test_an_id_comes_back_as_it_was_given_out(drawn: int, is_ahead: bool, status: int) -> None:
    load_id = make_load_id(SITE, drawn, is_ahead=is_ahead, status=status)
    assert 0 <= load_id < 2**64
    assert read_load_id(SITE, render_load_id(load_id)) == load_id
    assert was_ahead(load_id) is is_ahead
    assert error_status(load_id) == (status if 400 <= status < 600 else 0)


def test_what_an_id_tells_leaves_the_rest_of_it_to_chance() -> None:
    every = (1 << 48) - 1
    fine = {make_load_id(SITE, drawn, is_ahead=False) for drawn in (0, every)}
    missing = {make_load_id(SITE, drawn, is_ahead=False, status=404) for drawn in (0, every)}
    assert [one >> 16 for one in sorted(fine)] == [0, every - 3]
    assert [one >> 16 for one in sorted(missing)] == [18, every - 0x3FF + 18]


@given(st.integers(0, 2**48 - 1))
def test_another_site_s_id_and_another_key_s_are_none(drawn: int) -> None:
    text = render_load_id(make_load_id(SITE, drawn, is_ahead=False))
    others = (a_site(id=2, load_key=SITE.load_key), a_site(load_key="another"), a_site())
    # A MAC of 16 bits is guessed once in 65,536 times.
    assert sum(read_load_id(other, text) != 0 for other in others) < 2


@given(st.text(max_size=40))
def test_made_up_words_are_none(text: str) -> None:
    assert read_load_id(SITE, text) in {0, int(text, 16) if _is_hex(text) else 0}


def test_one_changed_digit_makes_it_none() -> None:
    text = render_load_id(make_load_id(SITE, 0x123456789ABC, is_ahead=False))
    changed = [text[:i] + ("0" if text[i] != "0" else "1") + text[i + 1 :] for i in range(16)]
    assert [word for word in changed if read_load_id(SITE, word)] == []


def _is_hex(text: str) -> bool:
    try:
        return len(text) == 16 and int(text, 16) >= 0
    except ValueError:
        return False
