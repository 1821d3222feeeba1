"""Tickets of pictures: only the portal writes them, for one site and a while."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pictures.ticket import NONCE_BYTES, Ticket, read_ticket, take_out, write_ticket

KEY = "a" * 64
NOW = 1_800_000_000
TICKET = Ticket("00" * NONCE_BYTES, NOW + 900, hides_words=True)


@given(nonce=st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES), hides=st.booleans())
def test_what_is_written_is_read(nonce: bytes, hides: bool) -> None:
    ticket = Ticket(nonce.hex(), NOW + 1, hides)
    raw = write_ticket(7, KEY, ticket).encode()
    assert read_ticket(7, KEY, raw, NOW) == ticket


def test_it_is_of_one_site_one_key_and_ends() -> None:
    raw = write_ticket(7, KEY, TICKET).encode()
    assert read_ticket(7, KEY, raw, NOW + 900) == TICKET
    assert read_ticket(7, KEY, raw, NOW + 901) is None
    assert read_ticket(8, KEY, raw, NOW) is None
    assert read_ticket(7, "b" * 64, raw, NOW) is None
    assert read_ticket(7, "", write_ticket(7, "", TICKET).encode(), NOW) is None


@given(st.binary(max_size=80))
def test_nothing_else_is_a_ticket(raw: bytes) -> None:
    assert read_ticket(7, KEY, raw, NOW) is None


@pytest.mark.parametrize("place", range(40))
def test_no_character_of_it_can_be_changed(place: int) -> None:
    raw = bytearray(write_ticket(7, KEY, TICKET).encode())
    raw[place] = ord("A") if raw[place] != ord("A") else ord("B")
    assert read_ticket(7, KEY, bytes(raw), NOW) is None


@pytest.mark.parametrize(
    ("target", "rest", "found"),
    [
        (b"/a", b"/a", b""),
        (b"/a?sf_picture=xy", b"/a", b"xy"),
        (b"/a?b=1&sf_picture=xy", b"/a?b=1", b"xy"),
        (b"/a?sf_picture=xy&b=1", b"/a?b=1", b"xy"),
        (b"/a?b=1&sf_picture=xy&c=%20", b"/a?b=1&c=%20", b"xy"),
        (b"/a?sf_picture=", b"/a", b""),
        (b"/a?my_sf_picture=xy", b"/a?my_sf_picture=xy", b""),
        (b"/a?sf_picture=x%79", b"/a?sf_picture=x%79", b""),
        (b"/sf_picture=xy", b"/sf_picture=xy", b""),
    ],
)
def test_it_is_taken_out_of_the_address(target: bytes, rest: bytes, found: bytes) -> None:
    assert take_out(target) == (rest, found)
