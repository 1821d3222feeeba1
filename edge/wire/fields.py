"""Header fields as they stand on the wire: look-ups that keep case, order and duplicates.

Every front hands header fields around as a list of pairs of bytes. This module only looks into such
lists; what may be in one is ``edge.wire.head``, what is passed on is ``edge.wire.hop``. The one
invariant: no function here changes the list it was given.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

type Field = tuple[bytes, bytes]
type Fields = Sequence[Field]
"""Names and values as received: case, duplicates and order kept, values without outer space."""


class Indexed(list[Field]):
    """The fields of a message just parsed, with an index, for they are asked for a dozen times.

    ``by_name`` maps lower-case names to values in order. Never changed once made.
    """

    __slots__ = ("by_name",)

    def __init__(self, fields: Iterable[Field]) -> None:
        super().__init__(fields)
        self.by_name: dict[bytes, list[bytes]] = {}
        for name, value in self:
            self.by_name.setdefault(name.lower(), []).append(value)


def values_of(fields: Fields, name: bytes) -> list[bytes]:
    """Collect the values of every field called ``name``, which must be lower case."""
    if isinstance(fields, Indexed):
        return fields.by_name.get(name, [])
    return [value for key, value in fields if key.lower() == name]


def tokens_of(fields: Fields, name: bytes) -> tuple[bytes, ...]:
    """List the lower-cased members of a comma-separated field, over all its lines."""
    values = values_of(fields, name)
    return _split_tokens(b",".join(values)) if values else ()


def without(fields: Fields, names: frozenset[bytes]) -> list[Field]:
    """Copy the fields, leaving out those whose lower-cased name is in ``names``."""
    if isinstance(fields, Indexed) and names.isdisjoint(fields.by_name):
        return list(fields)
    return [field for field in fields if field[0].lower() not in names]


@lru_cache(maxsize=1024)
def _split_tokens(value: bytes) -> tuple[bytes, ...]:
    tokens = (token.strip(b" \t").lower() for token in value.split(b","))
    return tuple(token for token in tokens if token)
