"""A site at a glance, for the list of sites: visitors today, the last days, who is there."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import render_template

from portal.dashboard.asking import answer_or_trouble, asker_for, current_or_none
from portal.dashboard.graph import sparkline
from portal.models import Site

DAYS = 7


def render_glance(site: Site) -> str:
    """Ask for a site's last days and write them as a piece of a page."""
    asker = asker_for(site)
    today = asker.now.astimezone(ZoneInfo(site.timezone)).date()
    first = today - timedelta(days=DAYS - 1)
    answer = answer_or_trouble(
        asker,
        {
            "metrics": ["visitors"],
            "dimensions": ["time:day"],
            "date_range": [first.isoformat(), today.isoformat()],
        },
    )
    values = [] if isinstance(answer, str) else [row["metrics"][0] for row in answer.results]
    return render_template(
        "sites/glance.html",
        site=site,
        live=current_or_none(asker),
        today=values[-1] if values else None,
        points=sparkline(values),
    )
