"""What the bar above every report needs: periods, filters, segments, who is there now."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from werkzeug.datastructures import MultiDict

from portal.config import here
from portal.dashboard.asking import asker_for, current_or_none
from portal.dashboard.example import NOW, ExampleAsker, example_site
from portal.dashboard.filters import DIMENSIONS, OPERATORS
from portal.dashboard.look import Look
from portal.dashboard.periods import CHOICES
from portal.dashboard.questions import Asker
from portal.dashboard.state import COMPARISONS, State, read_state
from portal.language import PARAMETER
from portal.models import Site
from portal.sessions import end_reading


def today_of(site: Site) -> date:
    """Tell the day that the site's clock shows."""
    return here().now().astimezone(ZoneInfo(site.timezone)).date()


def state_of(look: Look, *extra: str) -> State:
    """Read the URL, as far as this look shows it; ``extra`` are the page's own parameters."""
    kept = extra if look.is_member else (*extra, PARAMETER)
    return look.limited(read_state(request.args, today_of(look.site), kept))


def with_added_filter(look: Look, base: str, *extra: str) -> str:
    """Write the URL with the filter that the dialog's form adds; without a value it adds none."""
    parts = [request.args.get(f"add_{name}", "").strip() for name in ("op", "dim", "value")]
    pairs = [(k, v) for k, v in request.args.items(multi=True) if not k.startswith("add_")]
    if parts[2]:
        pairs.append(("f", ",".join(parts)))
    state = look.limited(read_state(MultiDict(pairs), today_of(look.site), extra))
    return base + state.query()


def asker_of(look: Look, *, funnels: bool = False) -> Asker:
    """Prepare to ask; the database is let go first, because answers can take a while."""
    asker = asker_for(look.site, look.person_id, look.segment_id, funnels=funnels)
    end_reading()
    return (
        ExampleAsker(asker.store, example_site(asker.site), asker.now) if look.is_example else asker
    )


def live_of(look: Look, asker: Asker) -> int | None:
    """Count who is there now; a locked segment has no such count."""
    if look.is_example:
        return NOW
    return None if look.segment_id is not None else current_or_none(asker)


def bar_context(
    look: Look, state: State, asker: Asker, base: str, *, compares: bool = False
) -> dict[str, Any]:
    """Give the templates of a page with a bar what they need; ``base`` is the page's path.

    ``compares`` where the page shows another period beside its own.
    """
    segments = asker.site.segments if look.is_member and not look.is_example else ()
    return {
        "look": look,
        "site": look.site,
        "state": state,
        "base": base,
        "live": live_of(look, asker),
        "choices": CHOICES,
        "comparisons": COMPARISONS if compares else {},
        "dimensions": look.dimensions(DIMENSIONS),
        "operators": OPERATORS,
        "segments": segments,
        "segment_names": {str(segment.id): segment.name for segment in segments},
        "may_edit": look.may_edit,
    }
