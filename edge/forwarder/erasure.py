"""What is to be erased, as a value: a site's rows, all or those that meet every condition. Pure.

It travels through the shard's stream as a control message, so that it has its place among the
events: what lies before it is erased, what comes after it is kept (INGESTION 5.5). Carrying it out
is ``edge.forwarder.erase``. The one invariant: ``conditions`` and ``matches`` mean the same rows.

Units: times are Unix milliseconds; ``after_ms`` is included, ``before_ms`` is not.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import orjson

from edge.event import Event
from edge.hits.hit import Hit

CONTROL = b"c"
"""The field of a stream entry that holds a control message instead of an event."""
ERASE = "erase"


@dataclass(frozen=True)
class Erasure:
    """Rows of one site. Without any condition it is the site as a whole: a reset.

    ``path`` is a pattern in which ``*`` stands for any text; ``prop`` a name and a value, or None
    for any; ``visitor`` a hash as the tables hold it. ``zone`` tells to which days the times
    belong, where only totals of days are kept. ``request`` names the record of who asked.
    """

    site_id: int
    asked_ms: int
    after_ms: int | None = None
    before_ms: int | None = None
    path: str | None = None
    prop: tuple[str, str | None] | None = None
    visitor: int | None = None
    zone: str | None = None
    request: str | None = None

    @property
    def chosen_by(self) -> list[str]:
        """Name the conditions."""
        names = ("after_ms", "before_ms", "path", "prop", "visitor")
        return [name.removesuffix("_ms") for name in names if getattr(self, name) is not None]

    @property
    def is_reset(self) -> bool:
        """Whether everything of the site goes."""
        return not self.chosen_by

    def render(self) -> bytes:
        """Write the form that travels in the stream."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return orjson.dumps({"kind": ERASE, **values})

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what ``render`` wrote.

        Raises:
            ValueError: It is no erasure that this release knows.
        """
        try:
            values = orjson.loads(raw)
            kind = values.pop("kind")
            prop = values.pop("prop", None)
            erasure = cls(**values, prop=prop and (prop[0], prop[1]))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not an erasure: {error}") from error
        if kind != ERASE:
            raise ValueError(f"a control message of kind {kind!r}")
        return erasure

    def conditions(self) -> tuple[str, dict[str, Any]]:
        """Write the conditions in SQL over the columns of ``events``, with their parameters."""
        parts, params = ["site_id = {site_id:UInt32}"], {"site_id": self.site_id}
        for sql, given in self._conditions():
            parts.append(sql)
            params |= given
        return " and ".join(parts), params

    def totals_conditions(self) -> tuple[str, dict[str, Any]] | None:
        """Write the conditions over imported totals: days touched, or pages; None for neither.

        Totals tell of no property and no visitor; with one of those, none of them is meant.
        """
        if self.prop is not None or self.visitor is not None:
            return None
        parts = ["site_id = {site_id:UInt32}"]
        params: dict[str, Any] = {"site_id": self.site_id}
        zone = {"zone": self.zone or "UTC"}
        if self.after_ms is not None:
            parts.append(
                "local_day >= toDate(fromUnixTimestamp64Milli({after_ms:Int64}), {zone:String})"
            )
            params |= {"after_ms": self.after_ms} | zone
        if self.before_ms is not None:
            parts.append(
                "local_day <= toDate(fromUnixTimestamp64Milli({last_ms:Int64}), {zone:String})"
            )
            params |= {"last_ms": self.before_ms - 1} | zone
        if self.path is not None:
            parts.append("dimension in ('event:page', 'visit:entry_page', 'visit:exit_page')")
            parts.append("value like {path:String}")
            params["path"] = _like(self.path)
        return " and ".join(parts), params

    def _conditions(self) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        if self.after_ms is not None:
            sql = "ts >= fromUnixTimestamp64Milli({after_ms:Int64})"
            found.append((sql, {"after_ms": self.after_ms}))
        if self.before_ms is not None:
            sql = "ts < fromUnixTimestamp64Milli({before_ms:Int64})"
            found.append((sql, {"before_ms": self.before_ms}))
        if self.path is not None:
            found.append(("path like {path:String}", {"path": _like(self.path)}))
        if self.prop is not None:
            name, value = self.prop
            found.append(("mapContains(props, {prop:String})", {"prop": name}))
            if value is not None:
                found.append(("props[{prop:String}] = {value:String}", {"value": value}))
        if self.visitor is not None:
            found.append(("visitor = {visitor:UInt64}", {"visitor": self.visitor}))
        return found

    @property
    def columns(self) -> set[str]:
        """Columns that a table must have for its rows to be chosen."""
        by = {"after": "ts", "before": "ts", "path": "path", "prop": "props", "visitor": "visitor"}
        return {"site_id", *(by[name] for name in self.chosen_by)}

    def matches(self, row: Event | Hit) -> bool:
        """Tell whether an event or a hit is meant; a hit has no properties."""
        props = row.props if isinstance(row, Event) else {}
        return (
            row.site_id == self.site_id
            and (self.after_ms is None or row.ts_ms >= self.after_ms)
            and (self.before_ms is None or row.ts_ms < self.before_ms)
            and (self.path is None or self._path.fullmatch(row.path) is not None)
            and (self.prop is None or self._has(props, *self.prop))
            and (self.visitor is None or row.visitor == self.visitor)
        )

    @staticmethod
    def _has(props: Mapping[str, str], name: str, value: str | None) -> bool:
        return name in props and (value is None or props[name] == value)

    @cached_property
    def _path(self) -> re.Pattern[str]:
        return re.compile(".*".join(map(re.escape, (self.path or "").split("*"))), re.DOTALL)


def _like(pattern: str) -> str:
    """Write a pattern for LIKE, in which ``%``, ``_`` and the backslash are signs."""
    return re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%")
