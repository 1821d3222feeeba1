"""What the demo's shop counts as a success, so that its reports have something to show.

Put there once, where the site has no goals; what people change afterwards stays.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Site, SiteAnnotation, SiteFunnel, SiteGoal, SiteSegment

_GOALS = (
    ("page", "/shop*", "See the shop", ""),
    ("event", "Add to basket", "Add to basket", ""),
    ("page", "/checkout", "Reach the checkout", ""),
    ("event", "Order", "Order", "EUR"),
    ("event", "Newsletter", "Newsletter", ""),
)
_STEPS = 4
"""The first goals are the steps of the funnel."""
_NEWS = timedelta(days=23)
_LETTER = timedelta(days=6)


def put_examples(session: Session, site: Site, now: datetime) -> None:
    """Define goals, a funnel, a segment and notes, if the site has no goal."""
    if session.scalar(select(SiteGoal.id).where(SiteGoal.site_id == site.id)) is not None:
        return
    told = {"site_id": site.id, "created_at": now}
    goals = [
        SiteGoal(kind=kind, target=target, name=name, currency=currency, **told)
        for kind, target, name, currency in _GOALS
    ]
    session.add_all(goals)
    session.flush()
    steps = [goal.id for goal in goals[:_STEPS]]
    terms = {"between": "any", "within": "visit", "window_s": 86_400}
    session.add(SiteFunnel(name="From the shop to an order", steps=steps, **terms, **told))
    french = [["is", "visit:country", ["FR", "BE"]]]
    session.add(SiteSegment(name="France and Belgium", filters=french, **told))
    for ago, text in ((_NEWS, "Hacker News writes about us"), (_LETTER, "Letter to subscribers")):
        session.add(SiteAnnotation(day=(now - ago).date(), text=text, **told))
