"""Header fields as they stand on the wire: look-ups that keep case, order and duplicates.

Every front hands header fields around as a list of pairs of bytes. This module only looks into such
lists; what may be in one is ``edge.wire.head``, what is passed on is ``edge.wire.hop``. The one
invariant: no function here changes the list it was given.
"""

from collections.abc import Iterator, Sequence

type Field = tuple[bytes, bytes]
type Fields = Sequence[Field]
"""Names and values as received: case, duplicates and order kept, values without outer space."""


def values_of(fields: Fields, name: bytes) -> list[bytes]:
    """Collect the values of every field called ``name``, which must be lower case."""
    return [value for key, value in fields if key.lower() == name]


def tokens_of(fields: Fields, name: bytes) -> Iterator[bytes]:
    """Walk the lower-cased members of a comma-separated field, over all its lines."""
    for value in values_of(fields, name):
        for token in value.split(b","):
            if stripped := token.strip(b" \t").lower():
                yield stripped


def without(fields: Fields, names: frozenset[bytes]) -> list[Field]:
    """Copy the fields, leaving out those whose lower-cased name is in ``names``."""
    return [field for field in fields if field[0].lower() not in names]
