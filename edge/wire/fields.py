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

    ``keys`` are the lower-case names in order; ``by_name`` maps them to their values. All three are
    filled by whoever reads the message, and never changed afterwards.
    """

    __slots__ = ("by_name", "keys")

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        super().__init__(fields)
        self.keys = [name.lower() for name, _ in self]
        self.by_name: dict[bytes, list[bytes]] = {}
        for key, (_, value) in zip(self.keys, self, strict=True):
            self.by_name.setdefault(key, []).append(value)

    def but(self, names: frozenset[bytes], *more: Field) -> "Indexed":
        """Copy the fields without some names, and with ``more`` at the end, of new names."""
        kept = Indexed()
        by_name = kept.by_name = self.by_name.copy()
        if names.isdisjoint(by_name):
            kept += self
            kept.keys = keys = self.keys.copy()
        else:
            keys = kept.keys
            for field, key in zip(self, self.keys, strict=True):
                if key not in names:
                    kept.append(field)
                    keys.append(key)
                else:
                    by_name.pop(key, None)
        for field in more:
            key = field[0].lower()
            kept.append(field)
            keys.append(key)
            by_name[key] = [*by_name.get(key, ()), field[1]]
        return kept


def values_of(fields: Fields, name: bytes) -> list[bytes]:
    """Collect the values of every field called ``name``, which must be lower case."""
    if isinstance(fields, Indexed):
        return fields.by_name.get(name, [])
    return [value for key, value in fields if key.lower() == name]


def keys_of(fields: Fields) -> list[bytes]:
    """List the lower-case names in order."""
    if isinstance(fields, Indexed):
        return fields.keys
    return [name.lower() for name, _ in fields]


def tokens_of(fields: Fields, name: bytes) -> tuple[bytes, ...]:
    """List the lower-cased members of a comma-separated field, over all its lines."""
    values = values_of(fields, name)
    return _split_tokens(b",".join(values)) if values else ()


def without(fields: Fields, names: frozenset[bytes]) -> list[Field]:
    """Copy the fields, leaving out those whose lower-cased name is in ``names``.

    The copy is a plain list, which its caller may change; ``Indexed.but`` keeps the index.
    """
    if isinstance(fields, Indexed):
        pairs = zip(fields, fields.keys, strict=True)
        return [field for field, key in pairs if key not in names]
    return [field for field in fields if field[0].lower() not in names]


@lru_cache(maxsize=1024)
def _split_tokens(value: bytes) -> tuple[bytes, ...]:
    tokens = (token.strip(b" \t").lower() for token in value.split(b","))
    return tuple(token for token in tokens if token)
