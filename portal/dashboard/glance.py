"""A site at a glance, for the list of sites: visitors today, the last 24 hours, who is there."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template

from portal.accounts.signin import me
from portal.dashboard.asking import answer_or_trouble, asker_for, current_or_none
from portal.dashboard.graph import sparkline
from portal.dashboard.questions import Asker
from portal.models import Site


def render_glance(site: Site) -> str:
    """Ask for a site's day and write it as a piece of a page."""
    asker = asker_for(site, me().id)
    today = asker.now.astimezone(ZoneInfo(site.timezone)).date().isoformat()
    counted = _visitors(asker, {"date_range": [today, today]})
    hours = _visitors(asker, {"date_range": "24h", "dimensions": ["time:hour"]}) if counted else []
    return render_template(
        "sites/glance.html",
        site=site,
        live=current_or_none(asker),
        today=counted[0] if counted else None,
        points=sparkline(hours[:-1]),
    )


def _visitors(asker: Asker, payload: dict[str, Any]) -> list[int]:
    answer = answer_or_trouble(asker, payload | {"metrics": ["visitors"]})
    return [] if isinstance(answer, str) else [row["metrics"][0] for row in answer.results]
