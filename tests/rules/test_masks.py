"""What identifies a person is masked, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.loader import RuleError
from rules.masks import Masks, known_masks, load_masks, mask
from tests.support.effort import processor_s


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/u/jane.doe@example.com/edit", "/u/[email]/edit"),
        ("/u/jane%40example.co.uk", "/u/[email]"),
        ("mailto jörg@example.de!", "mailto [email]!"),
        ("/reset/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "/reset/[token]"),
        ("/t/d41d8cd98f00b204e9800998ecf8427e", "/t/[token]"),
        ("/t/dGhpc0lzQVZlcnlMb25nVG9rZW4xMjM0NTY3ODk", "/t/[token]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123", "[token]"),
        ("/pay/4111 1111 1111 1111", "/pay/[card]"),
        ("/pay/4111-1111-1111-1111", "/pay/[card]"),
        ("/pay/378282246310005", "/pay/[card]"),
        ("call +49 30 1234567 now", "call [phone] now"),
        ("/tel/%2B4930123456789", "/tel/[phone]"),
        ("(555) 123-4567", "[phone]"),
        ("555-123-4567", "[phone]"),
    ],
)
def test_it_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/orders/123456",
        "/2026/01/02/news",
        "/blog/2024-10-ten-best-ways-to-learn-python-programming-fast",
        "/pay/4111-1111-1111-1112",
        "/p/1767225600000",
        "/@jane/video",
        "/docs/v1.2.3",
        "/a-very-long-slug-that-has-no-digits-but-many-many-words",
        "Donaudampfschifffahrtsgesellschaftskapitaen",
        "10.0.0.1",
        "2026-01-02",
    ],
)
def test_it_is_left_alone(text: str) -> None:
    assert mask(text) == text


@given(st.text(max_size=300))
def test_masking_never_raises_and_is_stable(text: str) -> None:
    assert mask(mask(text)) == mask(text)


_PARTS = st.sampled_from(
    ["a", "1", "@", ".", "-", " ", "eyJ", "aA1", "+", "%40", "(", ")", "é", "41111111", "/"]
)


@given(st.lists(_PARTS, max_size=120).map("".join))
def test_text_of_suspicious_parts_is_masked_once_and_for_all(text: str) -> None:
    assert mask(mask(text)) == mask(text)


_PLAIN = st.text(st.characters(exclude_characters="@%0123456789", codec="utf-8"), max_size=31)


@given(_PLAIN | st.text("abcXYZ_-.:/ +()", max_size=31))
def test_what_is_skipped_for_speed_holds_nothing_to_mask(text: str) -> None:
    masks = known_masks()
    assert "eyJ" in text or Masks(masks.masks).apply(text) == text == masks.apply(text)


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    assert mask("a@b.example \ud800") == "[email] ?"


@pytest.mark.parametrize(
    "part",
    ["a", "1", "a@", "@a.", "1-", "eyJaaaaaaaa.", "eyJ", "+1 ", "a.", "%40", "aA1_", "(555", "é"],
)
def test_masking_costs_the_same_for_each_character_of_hostile_text(part: str) -> None:
    """Eight times the text: eight times the work, with room to 20; going back takes 64 times."""
    short, long = part * 20_000, part * 160_000
    assert processor_s(lambda: mask(long)) < 20 * processor_s(lambda: mask(short))


@pytest.mark.parametrize(
    ("row", "line", "expected"),
    [
        ("{id: a, to: x}", 2, "expected an object with id, pattern, to"),
        ("{id: a, to: x, pattern: 7}", 2, "expected text"),
        ("{id: a, to: x, pattern: '('}", 2, "expected a pattern that RE2 takes"),
        ("{id: a, to: x, pattern: '(?<!a)b'}", 2, "expected a pattern that RE2 takes"),
        ("{id: a, to: x, pattern: b, check: maybe}", 2, "expected one of luhn, mixed"),
        ("{id: a, to: x, pattern: b}\nskip: {below: x, without: a}", 3, "expected below, a number"),
        ("{id: a, to: x, pattern: b}\nskip: {below: 9, without: a+}", 3, "without repeats"),
        ("{id: a, to: x, pattern: b}\n- {id: a, to: y, pattern: c}", 3, "an id of its own"),
    ],
)
def test_a_wrong_mask_is_told_by_line(tmp_path: Path, row: str, line: int, expected: str) -> None:
    file = tmp_path / "privacy.yaml"
    file.write_text(f"masks:\n- {row}\n")
    with pytest.raises(RuleError) as caught:
        load_masks(file)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert expected in str(caught.value)
