"""The demo's goals: put there once, and left alone from then on."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from portal.commands import add_site, ensure_default_team
from portal.database import Database
from portal.goals.examples import put_examples
from portal.goals.known import funnels_of, goals_of, segments_of
from portal.models import SiteAnnotation, SiteGoal

NOW = datetime(2026, 11, 10, 15, tzinfo=UTC)


def test_a_site_without_goals_gets_what_its_reports_need(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.sqlite'}")
    database.migrate()
    with database.writing() as session:
        ensure_default_team(session, NOW)
        site = add_site(session, "shop.localhost", "http://a:1")
        put_examples(session, site, NOW)
        goals = goals_of(session, site)
        (funnel,) = funnels_of(session, site.id, goals)
        assert [goal.name for goal in funnel.steps][-1] == "Order"
        assert {goal.currency for goal in goals} == {"", "EUR"}
        assert len(segments_of(session, site.id, None)) == 1
        assert session.scalar(select(func.count()).select_from(SiteAnnotation)) == 2
        session.delete(session.get_one(SiteGoal, goals[-1].id))
        session.flush()
        put_examples(session, site, NOW)
        assert len(goals_of(session, site)) == len(goals) - 1
    database.close()
