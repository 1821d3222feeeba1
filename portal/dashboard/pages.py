"""Pages of the dashboard: the overview, its cards, details of a list, and what is live.

Every page asks the store for numbers; trouble there is said in the place where the numbers would
be, and the rest of the page stands. Addresses, and whose they are, belong to the views of members
and of readers. The one invariant: a page shows what its ``Look`` allows, whatever the URL says.
"""

from dataclasses import replace
from typing import Any

from flask import Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from portal.config import here
from portal.dashboard import questions
from portal.dashboard.asking import answer_or_trouble
from portal.dashboard.bar import asker_of, bar_context, live_of, state_of, with_added_filter
from portal.dashboard.cards import PROPERTIES, Card, Tab
from portal.dashboard.figures import change
from portal.dashboard.graph import Graph, Note, make_graph
from portal.dashboard.lists import (
    card_view,
    chosen_tab,
    details_columns,
    imports_of,
    list_view,
    why_empty,
)
from portal.dashboard.look import Look
from portal.dashboard.periods import INTERVALS, intervals_for
from portal.dashboard.questions import PAGE_ROWS, Asker
from portal.dashboard.state import State
from portal.dashboard.tour import TOUR
from portal.dashboard.unconfirmed import captured, unconfirmed_views
from portal.models import SiteAnnotation
from portal.properties.known import Wish, wishes_of
from portal.reports.files import MIME_TYPES, FileKind, write_report
from portal.security import request_id
from portal.sessions import reading
from store.query.model import Result
from store.query.parse import MAX_LIMIT

MAX_PAGE = 10_000


def overview(look: Look) -> ResponseReturnValue:
    """Show the dashboard: figures and graph at once, cards as they come."""
    if "add_value" in request.args:
        return redirect(with_added_filter(look, look.home))
    state = state_of(look)
    notes = _notes(look, state)
    wishes = wishes_of(reading(), look.site.id) if "inline" in request.args else {}
    asker = asker_of(look)
    figures = answer_or_trouble(asker, questions.headline(state))
    series = (
        answer_or_trouble(asker, questions.series(state))
        if isinstance(figures, Result)
        else figures
    )
    silence = _silence(asker, state, figures)
    inline = "inline" in request.args and not silence and isinstance(figures, Result)
    cards = (
        {name: card_view(asker, state, card, wishes) for name, card in look.cards.items()}
        if inline
        else {}
    )
    return render_template(
        "dashboard/overview.html",
        **bar_context(look, state, asker, look.home, compares=True),
        figures=_figures(state, figures),
        unconfirmed=unconfirmed_views(asker, look.site, state) if look.is_member else None,
        graph=_graph(state, series, notes),
        trouble=figures if isinstance(figures, str) else None,
        imports=imports_of(figures),
        cards={} if silence or isinstance(figures, str) else look.cards,
        filled=cards,
        silence=silence,
        intervals=[(name, INTERVALS[name]) for name in intervals_for(state.days)],
        request_id=request_id(),
        edge_url=here().config.edge_url,
        tour=TOUR if look.is_example else (),
        report=captured(asker, look.site, state) if inline and look.is_member else None,
    )


def _figures(state: State, result: Result | str) -> list[dict[str, Any]]:
    if isinstance(result, str):
        return []
    row = result.results[0]
    compared = row.get("comparison")
    if compared and not _has_compared(state, compared["metrics"]):
        compared = None  # Against nothing, a share of bounces or a duration has no change.
    return [
        {
            "figure": figure,
            "value": row["metrics"][i],
            "change": change(figure, compared["change"][i], compared["metrics"][i])
            if compared
            else None,
        }
        for i, figure in enumerate(state.figures.values())
        if figure.unit != "money" or row["metrics"][i] is not None
    ]


def _has_compared(state: State, metrics: list[Any]) -> bool:
    names = list(state.figures)
    return bool(metrics[names.index("visits" if "visits" in names else "visitors")])


def _silence(asker: Asker, state: State, figures: Result | str) -> str:
    """Tell what an empty dashboard is empty of: ``period``, ``ever``, or nothing (it is not)."""
    if isinstance(figures, str) or state.chips or any(figures.results[0]["metrics"]):
        return ""
    return "period" if _has_visits(asker) else "ever"


def _has_visits(asker: Asker) -> bool:
    answer = answer_or_trouble(asker, questions.ever())
    return isinstance(answer, str) or bool(answer.results[0]["metrics"][0])


def arrived(look: Look) -> ResponseReturnValue:
    """Tell a page that waits for the first visit to load itself again once it came."""
    return "", 204, {"HX-Refresh": "true"} if _has_visits(asker_of(look)) else {}


def _graph(state: State, result: Result | str, notes: list[Note]) -> Graph | None:
    return make_graph(state, result, notes) if isinstance(result, Result) else None


def _notes(look: Look, state: State) -> list[Note]:
    """Find the notes in the period that this person may read; a reader's are none."""
    if look.person_id is None or look.is_example:
        return []
    query = select(SiteAnnotation).where(
        SiteAnnotation.site_id == look.site.id,
        or_(SiteAnnotation.user_id.is_(None), SiteAnnotation.user_id == look.person_id),
        SiteAnnotation.day.between(state.days.first, state.days.last),
    )
    rows = reading().scalars(query.order_by(SiteAnnotation.day, SiteAnnotation.id).limit(50))
    return [Note(row.id, row.day, row.text) for row in rows]


def current(look: Look) -> ResponseReturnValue:
    """Give the count of visitors of this moment, as a piece of a page."""
    return render_template("dashboard/live.html", live=live_of(look, asker_of(look)))


def foot(look: Look) -> ResponseReturnValue:
    """Say how much of what was served to people the numbers hold."""
    state = state_of(look)
    report = captured(asker_of(look), look.site, state)
    return render_template("dashboard/foot.html", look=look, site=look.site, report=report)


def card(look: Look, name: str) -> ResponseReturnValue:
    """Give the inside of one card."""
    found = look.cards.get(name)
    if found is None:
        abort(404)
    state = state_of(look)
    wishes = _wishes(look, found.tab(state.tab_of(found)))
    view = card_view(asker_of(look), state, found, wishes)
    page = render_template(
        "dashboard/card_inside.html", look=look, state=state, card=found, view=view
    )
    shown_at = look.home + state.query()
    return page, 200, {"HX-Replace-Url": shown_at} if "tab" in request.args else {}


def _wishes(look: Look, tab: Tab | None) -> dict[str, Wish]:
    """Read what the team said of its properties, where a list is told by one."""
    is_asked = tab is not None and tab.kind == PROPERTIES
    return wishes_of(reading(), look.site.id) if is_asked else {}


def only_card(look: Look, name: str) -> ResponseReturnValue:
    """Show one card as a page of its own, filled, for a frame in another page."""
    found = look.cards.get(name)
    if found is None:
        abort(404)
    state = state_of(look)
    wishes = _wishes(look, found.tab(state.tab_of(found)))
    view = card_view(asker_of(look), state, found, wishes)
    return render_template(
        "dashboard/only_card.html", look=look, site=look.site, state=state, card=found, view=view
    )


def details(look: Look, name: str, tab_name: str) -> ResponseReturnValue:
    """Show a whole list: searched, sorted, a hundred rows at a time."""
    card, tab = _tab_or_stop(look, name, tab_name)
    state = state_of(look)
    wishes = _wishes(look, tab)
    asker = asker_of(look)
    found = chosen_tab(asker, state, tab, wishes)
    tab = tab if isinstance(found, str) else found[0]
    sheet = _sheet(details_columns(asker, tab, state))
    view = list_view(asker, state, tab, questions.details(state, tab, sheet))
    if isinstance(found, str):
        view = replace(view, trouble=found)
    return render_template(
        "dashboard/details.html",
        look=look,
        site=look.site,
        state=state,
        card=card,
        tab=tab,
        view=view,
        sheet=sheet,
        segment_names={str(segment.id): segment.name for segment in asker.site.segments},
        page_rows=PAGE_ROWS,
        request_id=request_id(),
    )


def details_file(look: Look, name: str, tab_name: str, kind: str) -> ResponseReturnValue:
    """Give a whole list as a file, as it is searched and sorted."""
    _, tab = _tab_or_stop(look, name, tab_name)
    state = state_of(look)
    wishes = _wishes(look, tab)
    asker = asker_of(look)
    found = chosen_tab(asker, state, tab, wishes)
    if isinstance(found, str):
        return found, 503, {"Content-Type": "text/plain; charset=utf-8"}
    tab = found[0]
    if nothing := why_empty(asker, state, tab):
        return nothing, 404, {"Content-Type": "text/plain; charset=utf-8"}
    sheet = _sheet(details_columns(asker, tab, state))
    question = questions.details(state, tab, replace(sheet, page=0))
    question["pagination"] = {"limit": MAX_LIMIT, "offset": 0}
    answer = answer_or_trouble(asker, question)
    if isinstance(answer, str):
        return answer, 503, {"Content-Type": "text/plain; charset=utf-8"}
    wanted = FileKind(kind)
    name = f"{look.site.host}-{tab.name}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(write_report(wanted, answer), headers=headers, mimetype=MIME_TYPES[wanted])


def _tab_or_stop(look: Look, name: str, tab_name: str) -> tuple[Card, Tab]:
    card = look.cards.get(name)
    tab = card.tab(tab_name) if card else None
    if card is None or tab is None:
        abort(404)
    return card, tab


def _sheet(metrics: tuple[str, ...]) -> questions.Sheet:
    order = request.args.get("order", metrics[0])
    page = request.args.get("page", 0, type=int)
    return questions.Sheet(
        metrics=metrics,
        order=order if order.removeprefix("-") in metrics else metrics[0],
        search=request.args.get("q", "").strip()[:200],
        page=min(max(page, 0), MAX_PAGE),
    )
