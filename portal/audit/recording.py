"""One place where changes are recorded: the database session itself, in the same transaction.

Every transaction that may write is watched (``portal.database``), so no view, command or API route
can forget it, and what is undone leaves no record. What the database removes by itself with its
parent row (a site's goals, a user's tokens) is covered by the record of the parent. The one
invariant: values of columns that hold secrets are never written, only that they changed.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import ORMExecuteState, Session

from portal.audit.actors import Actor
from portal.audit.actors import acting as acting_now
from portal.models import AuditEntry, Base, Site

MASK = "•••"
UNAUDITED = {"unaudited": True}
"""Execution options of a bulk statement that changes nothing that anybody decided."""
_SECRET_PARTS = ("hash", "password", "secret", "session_key", "debug_key", "seed", "slug", "totp")
_QUIET = frozenset({"last_used_at", "last_viewed_at", "last_seen_at", "seen_at", "views"})
"""Columns that count use; a change of only these is none."""
_LABELS = ("host", "email", "name", "text", "day", "page", "id")
_NAMED_SECRETS = ("hash", "secret", "key", "link")


def watch(session: Session, acting: Callable[[], Actor], now: Callable[[], datetime]) -> None:
    """Record whatever this session changes, as done by who acts then.

    Who that is, is asked only where there is something to record: to know a person, their own
    session may have to be looked up, and noted as used.
    """

    @event.listens_for(session, "after_flush")
    def record(flushed: Session, _context: object) -> None:
        rows = [
            *(_row("added", row, None, _values(row)) for row in flushed.new),
            *(_changed(row) for row in flushed.dirty),
        ]
        _write(flushed, [row for row in rows if row], acting, now())

    @event.listens_for(session, "persistent_to_deleted")
    def record_removed(flushed: Session, gone: object) -> None:
        # Not `deleted`: what falls out of its parent's list (an alias of a site) is not in it.
        _write(flushed, [_row("removed", gone, _values(gone), None)], acting, now())

    @event.listens_for(session, "do_orm_execute")
    def record_bulk(state: ORMExecuteState) -> None:
        if not (state.is_update or state.is_delete) or state.execution_options.get("unaudited"):
            return
        _write(state.session, [_bulk(state)], acting, now())


def record_of_store(
    session: Session, *, act: str, subject: str, site_id: int, at: datetime, kind: str = "imports"
) -> None:
    """Record what was done to rows that are the store's and no table of this database.

    Imports come and go; ``events`` are downloaded.
    """
    row = {"act": act, "kind": kind, "subject": subject[:200], "site_id": site_id}
    _write(session, [row | {"before": None, "after": None}], acting_now, at)


def _write(
    session: Session, rows: list[dict[str, Any]], acting: Callable[[], Actor], at: datetime
) -> None:
    found = [row for row in rows if row["kind"] != AuditEntry.__tablename__]
    if found:
        actor = acting()
        told = {"at": at, "who": actor.who, "via": actor.via.value}
        session.connection().execute(insert(AuditEntry), [row | told for row in found])


def _row(
    act: str, row: Any, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> dict[str, Any]:
    values = {**(before or {}), **(after or {})}
    site_id = row.id if isinstance(row, Site) else getattr(row, "site_id", None)
    label = next((values[name] for name in _LABELS if values.get(name) not in {None, ""}), "")
    return {
        "act": act,
        "kind": row.__tablename__,
        "subject": str(label)[:200],
        "site_id": site_id,
        "before": before,
        "after": after,
    }


def _changed(row: Any) -> dict[str, Any] | None:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for column in inspect(type(row)).column_attrs:
        history = inspect(row).attrs[column.key].history
        if history.has_changes() and column.key not in _QUIET:
            old = history.deleted[0] if history.deleted else None
            before[column.key] = _shown(row, column.key, old)
            after[column.key] = _shown(row, column.key, getattr(row, column.key))
    if not before:
        return None
    named = _row("changed", row, _values(row), None)
    return named | {"before": before, "after": after}


def _values(row: Any) -> dict[str, Any]:
    names = [column.key for column in inspect(type(row)).column_attrs]
    return {name: _shown(row, name, getattr(row, name)) for name in names}


def _bulk(state: ORMExecuteState) -> dict[str, Any]:
    mapper = state.bind_mapper
    return {
        "act": "changed" if state.is_update else "removed",
        "kind": mapper.class_.__tablename__ if mapper is not None else "",
        "subject": "several",
        "site_id": None,
        "before": None,
        "after": None,
    }


def _shown(row: Base, name: str, value: Any) -> Any:
    if value is None or value == "":
        return value
    if is_secret(name) or (name == "value" and _is_secret_setting(row)):
        return MASK
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def is_secret(column: str) -> bool:
    """Tell whether a column of that name holds what nobody may read in the record."""
    return any(part in column for part in _SECRET_PARTS)


def _is_secret_setting(row: Any) -> bool:
    return any(part in getattr(row, "name", "") for part in _NAMED_SECRETS)
