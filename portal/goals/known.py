"""A site's goals, funnels and segments as the query engine takes them.

A rule of the site of kind ``goal`` is a goal too, one for each page or event that it names. The one
invariant: a segment of somebody's own is known to nobody else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from portal.models import Site, SiteFunnel, SiteGoal, SiteSegment
from store.query.goals import Between, Funnel, Goal, GoalKind, Segment, Within


def goals_of(session: Session, site: Site) -> tuple[Goal, ...]:
    """Give a site's goals, the oldest first, and behind them those of its rules."""
    rows = session.scalars(
        select(SiteGoal).where(SiteGoal.site_id == site.id).order_by(SiteGoal.id)
    )
    kept = tuple(map(_goal, rows))
    return (*kept, *ruled_goals(site.rules, {goal.name for goal in kept}))


def ruled_goals(rules: Iterable[Mapping[str, Any]], taken: set[str]) -> tuple[Goal, ...]:
    """Make the goals of a site's rules; a name that is taken is that of the goal which has it.

    Their ids are negative, so that no saved funnel can mean one.
    """
    found: dict[str, Goal] = {}
    for rule in rules:
        if rule.get("kind") != "goal":
            continue
        kind = GoalKind.PAGE if "paths" in rule else GoalKind.EVENT
        targets = rule.get("paths") or rule.get("events") or ()
        for target in targets:
            name = rule["name"] if len(targets) == 1 else f"{rule['name']}: {target}"
            if name not in taken and name not in found:
                props = tuple(sorted(dict(rule.get("props") or {}).items()))
                found[name] = Goal(-len(found) - 1, name, kind, target, props)
    return tuple(found.values())


def _goal(row: SiteGoal) -> Goal:
    return Goal(
        id=row.id,
        name=row.name,
        kind=GoalKind(row.kind),
        target=row.target,
        props=tuple(sorted(row.props.items())),
        scroll=row.scroll,
        currency=row.currency,
        method=row.method,
        status=row.status,
    )


def funnels_of(session: Session, site_id: int, goals: tuple[Goal, ...]) -> tuple[Funnel, ...]:
    """Give a site's funnels; ``goals`` are the site's."""
    by_id = {goal.id: goal for goal in goals}
    rows = session.scalars(
        select(SiteFunnel).where(SiteFunnel.site_id == site_id).order_by(SiteFunnel.id)
    )
    return tuple(
        Funnel(
            steps=tuple(by_id[step] for step in row.steps),
            between=Between(row.between),
            within=Within(row.within),
            window_s=row.window_s,
            id=row.id,
            name=row.name,
        )
        for row in rows
    )


def segments_of(session: Session, site_id: int, user_id: int | None) -> tuple[Segment, ...]:
    """Give the segments that a person may use; without one, those of the whole site."""
    seen: list[ColumnElement[bool]] = [SiteSegment.user_id.is_(None)]
    if user_id is not None:
        seen.append(SiteSegment.user_id == user_id)
    query = select(SiteSegment).where(SiteSegment.site_id == site_id, or_(*seen))
    rows = session.scalars(query.order_by(SiteSegment.id))
    return tuple(Segment(row.id, row.name, tuple(row.filters)) for row in rows)
