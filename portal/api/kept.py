"""What a site keeps, for the API and the pages: goals, funnels, segments, annotations.

One row a resource says its table, its body and the rules that need the database; reading and
changing rows is the same for all. The one invariant: a row is found only at the caller's own site,
and one of somebody's own only by that person.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.api.shapes import AnnotationBody, Body, FunnelBody, GoalBody, SegmentBody
from portal.config import here
from portal.models import Site, SiteAnnotation, SiteFunnel, SiteGoal, SiteSegment
from portal.sites.fields import FieldError
from portal.teams.rights import Right, find_site
from store.query.model import QuerySite
from store.query.parse_filters import parse_filters

type Row = SiteGoal | SiteFunnel | SiteSegment | SiteAnnotation
MAX_ROWS = 200
"""Rows of a kind that one site may have."""


class Who(Protocol):
    """Who reads or changes: a token's owner, or somebody signed in, at one site they may see."""

    @property
    def user_id(self) -> int:
        """The person."""

    @property
    def site(self) -> Site:
        """The site."""

    def query_site(self) -> QuerySite:
        """Give the site as the query engine asks about it."""


class NotThereError(Exception):
    """There is no such row here."""


class NotYoursError(Exception):
    """The row is the whole site's, and the caller may not change the site."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of row.

    ``values`` makes columns of a body, and raises FieldError if it cannot be; ``used_by`` says who
    still needs a row. With ``owned``, a row may belong to one person.
    """

    name: str
    one: str
    model: type[Any]
    body: type[Body]
    values: Callable[[Session, Who, Any, int | None], dict[str, Any]]
    used_by: Callable[[Session, Any], str | None] = lambda _session, _row: None
    owned: bool = False


def _goal_values(session: Session, who: Who, body: GoalBody, row_id: int | None) -> dict[str, Any]:
    name = body.shown_name()
    query = select(SiteGoal.id).where(SiteGoal.site_id == who.site.id, SiteGoal.name == name)
    taken = session.scalar(query)
    if taken is not None and taken != row_id:
        raise FieldError("name", f"There is a goal {name!r} already.")
    return body.model_dump() | {"name": name, "kind": body.kind.value}


def _goal_used_by(session: Session, row: SiteGoal) -> str | None:
    funnels = session.scalars(select(SiteFunnel).where(SiteFunnel.site_id == row.site_id))
    return next((f"the funnel {f.name!r}" for f in funnels if row.id in f.steps), None)


def _funnel_values(
    session: Session, who: Who, body: FunnelBody, _row_id: int | None
) -> dict[str, Any]:
    known = set(session.scalars(select(SiteGoal.id).where(SiteGoal.site_id == who.site.id)))
    for index, step in enumerate(body.steps):
        if step not in known:
            raise FieldError(f"steps[{index}]", f"There is no goal {step} at this site.")
    return body.model_dump() | {"between": body.between.value, "within": body.within.value}


def _segment_values(
    _session: Session, who: Who, body: SegmentBody, _row_id: int | None
) -> dict[str, Any]:
    parse_filters(body.filters, who.query_site(), in_segment=True)
    return {"name": body.name, "filters": body.filters, "user_id": _owner(who, shared=body.shared)}


def _annotation_values(
    _session: Session, who: Who, body: AnnotationBody, _row_id: int | None
) -> dict[str, Any]:
    return {"day": body.day, "text": body.text, "user_id": _owner(who, shared=body.shared)}


def _owner(who: Who, *, shared: bool) -> int | None:
    return None if shared else who.user_id


RESOURCES: tuple[Resource, ...] = (
    Resource("goals", "goal", SiteGoal, GoalBody, _goal_values, _goal_used_by),
    Resource("funnels", "funnel", SiteFunnel, FunnelBody, _funnel_values),
    Resource("segments", "segment", SiteSegment, SegmentBody, _segment_values, owned=True),
    Resource(
        "annotations", "annotation", SiteAnnotation, AnnotationBody, _annotation_values, owned=True
    ),
)
BY_NAME = {resource.name: resource for resource in RESOURCES}


def list_rows(session: Session, resource: Resource, who: Who) -> list[dict[str, Any]]:
    """List what the caller may see, the oldest first."""
    model = resource.model
    query = select(model).where(model.site_id == who.site.id)
    if resource.owned:
        query = query.where(or_(model.user_id.is_(None), model.user_id == who.user_id))
    return [show(resource, row) for row in session.scalars(query.order_by(model.id))]


def find_row(session: Session, resource: Resource, who: Who, row_id: int) -> Any:
    """Find a row that the caller may see.

    Raises:
        NotThereError: There is none.
    """
    row = session.get(resource.model, row_id)
    if row is None or row.site_id != who.site.id:
        raise NotThereError
    if resource.owned and row.user_id not in {None, who.user_id}:
        raise NotThereError
    return row


def add_row(session: Session, resource: Resource, who: Who, body: Body) -> dict[str, Any]:
    """Add a row.

    Raises:
        FieldError: It cannot be, or the site has too many.
        NotYoursError: It would be the site's, which the caller may not change.
    """
    values = resource.values(session, who, body, None)
    _check_right(session, resource, who, [values.get("user_id")])
    model = resource.model
    ids = select(model.id).where(model.site_id == who.site.id).limit(MAX_ROWS)
    if len(session.scalars(ids).all()) >= MAX_ROWS:
        raise FieldError("", f"A site has at most {MAX_ROWS} {resource.name}.")
    row = model(site_id=who.site.id, created_at=here().now(), **values)
    session.add(row)
    session.flush()
    return show(resource, row)


def change_row(
    session: Session, resource: Resource, who: Who, row_id: int, body: Body
) -> dict[str, Any]:
    """Replace a row's values.

    Raises:
        NotThereError: There is no such row.
        FieldError: It cannot be.
        NotYoursError: It is or would be the site's, which the caller may not change.
    """
    row = find_row(session, resource, who, row_id)
    values = resource.values(session, who, body, row_id)
    owners = [values["user_id"], row.user_id] if resource.owned else [None]
    _check_right(session, resource, who, owners)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return show(resource, row)


def remove_row(session: Session, resource: Resource, who: Who, row_id: int) -> None:
    """Remove a row.

    Raises:
        NotThereError: There is no such row.
        FieldError: Something else needs it.
        NotYoursError: It is the site's, which the caller may not change.
    """
    row = find_row(session, resource, who, row_id)
    _check_right(session, resource, who, [row.user_id] if resource.owned else [None])
    user = resource.used_by(session, row)
    if user is not None:
        raise FieldError("id", f"It is a step of {user}; change that first.")
    session.delete(row)


def _check_right(
    session: Session, resource: Resource, who: Who, owners: Iterable[int | None]
) -> None:
    """Let only those who may change the site touch what is the whole site's."""
    if resource.owned and None not in owners:
        return
    if find_site(session, who.user_id, str(who.site.id), Right.EDIT_SITE) is None:
        raise NotYoursError


def show(resource: Resource, row: Any) -> dict[str, Any]:
    """Write a row as the API does: its id, then the fields of its body."""
    shown: dict[str, Any] = {"id": row.id}
    for name in resource.body.model_fields:
        value = row.user_id is None if name == "shared" else getattr(row, name)
        shown[name] = value.isoformat() if hasattr(value, "isoformat") else value
    return shown
