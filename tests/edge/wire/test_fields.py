"""Look-ups that change nothing."""

from edge.wire.fields import tokens_of, values_of, without

FIELDS = [(b"A", b"1, Two ,"), (b"b", b"x"), (b"a", b"three")]


def test_values_in_order() -> None:
    assert values_of(FIELDS, b"a") == [b"1, Two ,", b"three"]
    assert values_of(FIELDS, b"c") == []


def test_tokens_over_all_lines() -> None:
    assert list(tokens_of(FIELDS, b"a")) == [b"1", b"two", b"three"]


def test_without_keeps_the_rest() -> None:
    assert without(FIELDS, frozenset({b"a"})) == [(b"b", b"x")]
