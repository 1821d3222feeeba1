"""Tell which visit a visit is attributed to: the visitor's first touch, or the last not direct.

A visitor is known again only within a salt period, as whose hash another period's is not, so all
visits of one hash are all that can be known. The one invariant: what a visit is attributed to never
depends on the range, the filters or the dimensions that are asked: its whole salt period is read
(``conditions.Scope.salt_days``).
"""

from datetime import date, timedelta

from store.query.dimensions import TOUCHED
from store.query.fragments import Fragment

_ORDER = "(anchor, visit_id)"
"""Visits of a visitor in the order in which they began."""


def touches(limits: Fragment) -> Fragment:
    """Select the visits within limits with their touches: ``first_source`` and so on."""
    names = ", ".join(TOUCHED)
    columns = [
        f"argMin({name}, {_ORDER}) over earlier as first_{name},"
        f" argMaxIf({name}, {_ORDER}, source != '') over earlier as last_{name}"
        for name in TOUCHED
    ]
    visits = (
        f"select visit_id, visitor, anchor, bot != '' as is_bot, {names} from sessions"
        f" where {limits}"
        f" group by visit_id, visitor, anchor, is_bot, {names} having sum(sign) > 0"
    )
    return Fragment(
        f"select visit_id, {', '.join(columns)} from ({visits})"
        " window earlier as (partition by visitor, is_bot order by anchor, visit_id"
        " rows between unbounded preceding and current row)"
    )


def salt_start(day: date, salt_period: str) -> date:
    """Return the first day of the salt period that holds a day."""
    if salt_period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if salt_period == "month" else day
