"""Pages of the dashboard: the overview, its cards, details of a list, and what is live.

Every page asks the store for numbers; trouble there is said in the place where the numbers would
be, and the rest of the page stands. Addresses, and whose they are, belong to the views of members
and of readers. The one invariant: a page shows what its ``Look`` allows, whatever the URL says.
"""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from portal.config import here
from portal.dashboard import questions
from portal.dashboard.asking import answer_or_trouble, asker_for, current_or_none
from portal.dashboard.cards import Card, Tab
from portal.dashboard.figures import FIGURES, change
from portal.dashboard.filters import DIMENSIONS, OPERATORS
from portal.dashboard.graph import Graph, make_graph
from portal.dashboard.look import Look
from portal.dashboard.periods import CHOICES, INTERVALS, intervals_for
from portal.dashboard.questions import PAGE_ROWS, Asker
from portal.dashboard.state import COMPARISONS, State, read_state
from portal.dashboard.unconfirmed import unconfirmed_views
from portal.reports.files import MIME_TYPES, FileKind, write_report
from portal.security import request_id
from portal.sessions import end_reading
from store.query.model import Result
from store.query.parse import MAX_LIMIT

MAX_PAGE = 10_000


def _today(look: Look) -> date:
    return here().now().astimezone(ZoneInfo(look.site.timezone)).date()


def _state(look: Look) -> State:
    return look.limited(read_state(request.args, _today(look)))


def _asker(look: Look) -> Asker:
    """Prepare to ask; the database is let go first, because answers can take a while."""
    asker = asker_for(look.site, look.person_id, look.segment_id)
    end_reading()
    return asker


def overview(look: Look) -> ResponseReturnValue:
    """Show the dashboard: figures and graph at once, cards as they come."""
    if "add_value" in request.args:
        return redirect(_with_added_filter(look))
    state = _state(look)
    asker = _asker(look)
    figures = answer_or_trouble(asker, questions.headline(state))
    series = (
        answer_or_trouble(asker, questions.series(state))
        if isinstance(figures, Result)
        else figures
    )
    silence = _silence(asker, state, figures)
    inline = "inline" in request.args and not silence and isinstance(figures, Result)
    cards = {name: _card(asker, state, card) for name, card in look.cards.items()} if inline else {}
    return render_template(
        "dashboard/overview.html",
        look=look,
        site=look.site,
        state=state,
        figures=_figures(figures),
        unconfirmed=unconfirmed_views(asker, look.site, state) if look.is_member else None,
        graph=_graph(state, series),
        trouble=figures if isinstance(figures, str) else None,
        live=_live(look, asker),
        imports=_imports(figures),
        cards={} if silence or isinstance(figures, str) else look.cards,
        filled=cards,
        silence=silence,
        choices=CHOICES,
        comparisons=COMPARISONS,
        intervals=[(name, INTERVALS[name]) for name in intervals_for(state.days)],
        dimensions=look.dimensions(DIMENSIONS),
        operators=OPERATORS,
        request_id=request_id(),
        edge_url=here().config.edge_url,
    )


def _with_added_filter(look: Look) -> str:
    parts = [request.args.get(f"add_{name}", "") for name in ("op", "dim", "value")]
    pairs = [
        (key, value) for key, value in request.args.items(multi=True) if not key.startswith("add_")
    ]
    if parts[2].strip():
        pairs.append(("f", ",".join(part.strip() for part in parts)))
    state = look.limited(read_state(MultiDict(pairs), _today(look)))
    return look.home + state.query()


def _figures(result: Result | str) -> list[dict[str, Any]]:
    if isinstance(result, str):
        return []
    row = result.results[0]
    compared = row.get("comparison")
    if compared and not compared["metrics"][list(FIGURES).index("visits")]:
        compared = None  # Against nothing, a share of bounces or a duration has no change.
    return [
        {
            "figure": figure,
            "value": row["metrics"][i],
            "change": change(figure, compared["change"][i], compared["metrics"][i])
            if compared
            else None,
        }
        for i, figure in enumerate(FIGURES.values())
    ]


def _imports(answer: Result | str) -> str:
    """Tell what became of imported totals: ``included``, why not, or nothing (there are none)."""
    if isinstance(answer, str) or "imports_included" not in answer.meta:
        return ""
    if answer.meta["imports_included"]:
        return "included"
    reason = str(answer.meta["imports_skip_reason"])
    return reason if "imports_warning" in answer.meta else ""


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
    return "", 204, {"HX-Refresh": "true"} if _has_visits(_asker(look)) else {}


def _graph(state: State, result: Result | str) -> Graph | None:
    return make_graph(state, result) if isinstance(result, Result) else None


def live(look: Look) -> ResponseReturnValue:
    """Give the count of visitors of this moment, as a piece of a page."""
    return render_template("dashboard/live.html", live=_live(look, _asker(look)))


def _live(look: Look, asker: Asker) -> int | None:
    """Count who is there now; a locked segment has no such count."""
    return None if look.segment_id is not None else current_or_none(asker)


def card(look: Look, name: str) -> ResponseReturnValue:
    """Give the inside of one card."""
    found = look.cards.get(name)
    if found is None:
        abort(404)
    state = _state(look)
    view = _card(_asker(look), state, found)
    page = render_template(
        "dashboard/card_inside.html", look=look, state=state, card=found, view=view
    )
    shown_at = look.home + state.query()
    return page, 200, {"HX-Replace-Url": shown_at} if "tab" in request.args else {}


def _card(asker: Asker, state: State, card: Card) -> dict[str, Any]:
    """Ask for what a card shows: its rows, or a sentence."""
    tab = card.tab(state.tab_of(card)) or card.tabs[0]
    answer = answer_or_trouble(asker, questions.rows(state, tab))
    trouble = answer if isinstance(answer, str) else None
    rows = [] if isinstance(answer, str) else _rows(answer)
    return {
        "tab": tab,
        "rows": rows,
        "trouble": trouble,
        "imports": _imports(answer),
        "request_id": request_id(),
    }


def only_card(look: Look, name: str) -> ResponseReturnValue:
    """Show one card as a page of its own, filled, for a frame in another page."""
    found = look.cards.get(name)
    if found is None:
        abort(404)
    state = _state(look)
    view = _card(_asker(look), state, found)
    return render_template(
        "dashboard/only_card.html", look=look, site=look.site, state=state, card=found, view=view
    )


def _rows(answer: Result) -> list[dict[str, Any]]:
    top = max((row["metrics"][0] or 0 for row in answer.results), default=0) or 1
    return [
        {
            "value": row["dimensions"][0],
            "metrics": row["metrics"],
            "width": round(100 * (row["metrics"][0] or 0) / top, 1),
        }
        for row in answer.results
    ]


def details(look: Look, name: str, tab_name: str) -> ResponseReturnValue:
    """Show a whole list: searched, sorted, a hundred rows at a time."""
    card = look.cards.get(name)
    tab = card.tab(tab_name) if card else None
    if card is None or tab is None:
        abort(404)
    state = _state(look)
    asked = _details_asked(tab)
    answer = answer_or_trouble(_asker(look), questions.details(state, tab, **asked))
    return render_template(
        "dashboard/details.html",
        look=look,
        site=look.site,
        state=state,
        card=card,
        tab=tab,
        metrics=questions.details_metrics(tab),
        rows=[] if isinstance(answer, str) else _rows(answer),
        total=0 if isinstance(answer, str) else answer.meta.get("total_rows", 0),
        trouble=answer if isinstance(answer, str) else None,
        page_rows=PAGE_ROWS,
        request_id=request_id(),
        **asked,
    )


def details_file(look: Look, name: str, tab_name: str, kind: str) -> ResponseReturnValue:
    """Give a whole list as a file, as it is searched and sorted."""
    card = look.cards.get(name)
    tab = card.tab(tab_name) if card else None
    if tab is None:
        abort(404)
    asked = _details_asked(tab) | {"page": 0}
    question = questions.details(_state(look), tab, **asked)
    question["pagination"] = {"limit": MAX_LIMIT, "offset": 0}
    answer = answer_or_trouble(_asker(look), question)
    if isinstance(answer, str):
        return answer, 503, {"Content-Type": "text/plain; charset=utf-8"}
    wanted = FileKind(kind)
    name = f"{look.site.host}-{tab.name}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(write_report(wanted, answer), headers=headers, mimetype=MIME_TYPES[wanted])


def _details_asked(tab: Tab) -> dict[str, Any]:
    metrics = questions.details_metrics(tab)
    order = request.args.get("order", metrics[0])
    page = request.args.get("page", 0, type=int)
    return {
        "order": order if order.removeprefix("-") in metrics else metrics[0],
        "search": request.args.get("q", "").strip()[:200],
        "page": min(max(page, 0), MAX_PAGE),
    }
