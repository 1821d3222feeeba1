"""Pages of the dashboard: the overview, its cards, details of a list, and what is live.

Every view asks the store for numbers; trouble there is said in the place where the numbers would
be, and the rest of the page stands. The one invariant: the site is found by the person's rights
before anything is asked.
"""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from portal.accounts.signin import me
from portal.config import here
from portal.dashboard import questions
from portal.dashboard.asking import answer_or_trouble, asker_for, current_or_none
from portal.dashboard.cards import CARDS, Card, Tab
from portal.dashboard.figures import FIGURES, change
from portal.dashboard.filters import DIMENSIONS, OPERATORS
from portal.dashboard.glance import render_glance
from portal.dashboard.graph import Graph, make_graph
from portal.dashboard.periods import CHOICES, INTERVALS, intervals_for
from portal.dashboard.questions import PAGE_ROWS, Asker
from portal.dashboard.state import COMPARISONS, State, read_state
from portal.dashboard.unconfirmed import unconfirmed_views
from portal.models import Site
from portal.reports.files import MIME_TYPES, FileKind, write_report
from portal.security import request_id
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.teams.rights import Right, sites_with
from store.query.model import Result
from store.query.parse import MAX_LIMIT

blueprint = Blueprint("dashboard", __name__, url_prefix="/sites/<host>")
MAX_PAGE = 10_000


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _today(site: Site) -> date:
    return here().now().astimezone(ZoneInfo(site.timezone)).date()


def _state(site: Site) -> State:
    return read_state(request.args, _today(site))


def _asker(site: Site) -> Asker:
    """Prepare to ask; the database is let go first, because answers can take a while."""
    asker = asker_for(site)
    end_reading()
    return asker


@blueprint.get("")
def overview(host: str) -> ResponseReturnValue:
    """Show the dashboard: figures and graph at once, cards as they come."""
    site = site_or_stop(host)
    if "add_value" in request.args:
        return redirect(_with_added_filter(site))
    state = _state(site)
    sites = [other.host for other in sites_with(reading(), me().id, Right.VIEW_STATS)]
    may_edit = site.id in {s.id for s in sites_with(reading(), me().id, Right.EDIT_SITE)}
    asker = _asker(site)
    figures = answer_or_trouble(asker, questions.headline(state))
    series = (
        answer_or_trouble(asker, questions.series(state))
        if isinstance(figures, Result)
        else figures
    )
    silence = _silence(asker, state, figures)
    inline = "inline" in request.args and not silence and isinstance(figures, Result)
    cards = {card.name: _card(asker, state, card) for card in CARDS.values()} if inline else {}
    return render_template(
        "dashboard/overview.html",
        site=site,
        sites=sites,
        may_edit=may_edit,
        state=state,
        figures=_figures(figures),
        unconfirmed=unconfirmed_views(asker, site, state),
        graph=_graph(state, series),
        trouble=figures if isinstance(figures, str) else None,
        live=current_or_none(asker),
        cards={} if silence or isinstance(figures, str) else CARDS,
        filled=cards,
        silence=silence,
        choices=CHOICES,
        comparisons=COMPARISONS,
        intervals=[(name, INTERVALS[name]) for name in intervals_for(state.days)],
        dimensions=DIMENSIONS,
        operators=OPERATORS,
        request_id=request_id(),
        edge_url=here().config.edge_url,
    )


def _with_added_filter(site: Site) -> str:
    parts = [request.args.get(f"add_{name}", "") for name in ("op", "dim", "value")]
    pairs = [
        (key, value) for key, value in request.args.items(multi=True) if not key.startswith("add_")
    ]
    if parts[2].strip():
        pairs.append(("f", ",".join(part.strip() for part in parts)))
    state = read_state(MultiDict(pairs), _today(site))
    return url_for("dashboard.overview", host=site.host) + state.query()


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


def _silence(asker: Asker, state: State, figures: Result | str) -> str:
    """Tell what an empty dashboard is empty of: ``period``, ``ever``, or nothing (it is not)."""
    if isinstance(figures, str) or state.chips or any(figures.results[0]["metrics"]):
        return ""
    return "period" if _has_visits(asker) else "ever"


def _has_visits(asker: Asker) -> bool:
    answer = answer_or_trouble(asker, questions.ever())
    return isinstance(answer, str) or bool(answer.results[0]["metrics"][0])


@blueprint.get("/arrived")
def arrived(host: str) -> ResponseReturnValue:
    """Tell a page that waits for the first visit to load itself again once it came."""
    return "", 204, {"HX-Refresh": "true"} if _has_visits(_asker(site_or_stop(host))) else {}


def _graph(state: State, result: Result | str) -> Graph | None:
    return make_graph(state, result) if isinstance(result, Result) else None


@blueprint.get("/live")
def live(host: str) -> ResponseReturnValue:
    """Give the count of visitors of this moment, as a piece of a page."""
    site = site_or_stop(host)
    return render_template("dashboard/live.html", site=site, live=current_or_none(_asker(site)))


@blueprint.get("/glance")
def glance(host: str) -> ResponseReturnValue:
    """Give a site's entry in the list of sites its numbers."""
    return render_glance(site_or_stop(host))


@blueprint.get("/cards/<name>")
def card(host: str, name: str) -> ResponseReturnValue:
    """Give the inside of one card."""
    site = site_or_stop(host)
    found = CARDS.get(name)
    if found is None:
        abort(404)
    state = _state(site)
    view = _card(_asker(site), state, found)
    page = render_template(
        "dashboard/card_inside.html", site=site, state=state, card=found, view=view
    )
    shown_at = url_for("dashboard.overview", host=site.host) + state.query()
    return page, 200, {"HX-Replace-Url": shown_at} if "tab" in request.args else {}


def _card(asker: Asker, state: State, card: Card) -> dict[str, Any]:
    """Ask for what a card shows: its rows, or a sentence."""
    tab = card.tab(state.tab_of(card)) or card.tabs[0]
    answer = answer_or_trouble(asker, questions.rows(state, tab))
    trouble = answer if isinstance(answer, str) else None
    rows = [] if isinstance(answer, str) else _rows(answer)
    return {"tab": tab, "rows": rows, "trouble": trouble, "request_id": request_id()}


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


@blueprint.get("/details/<name>/<tab_name>")
def details(host: str, name: str, tab_name: str) -> ResponseReturnValue:
    """Show a whole list: searched, sorted, a hundred rows at a time."""
    site = site_or_stop(host)
    card = CARDS.get(name)
    tab = card.tab(tab_name) if card else None
    if card is None or tab is None:
        abort(404)
    state = _state(site)
    asked = _details_asked(tab)
    answer = answer_or_trouble(_asker(site), questions.details(state, tab, **asked))
    return render_template(
        "dashboard/details.html",
        site=site,
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


@blueprint.get("/details/<name>/<tab_name>.<any(csv, json, xlsx):kind>")
def details_file(host: str, name: str, tab_name: str, kind: str) -> ResponseReturnValue:
    """Give a whole list as a file, as it is searched and sorted."""
    site = site_or_stop(host)
    card = CARDS.get(name)
    tab = card.tab(tab_name) if card else None
    if tab is None:
        abort(404)
    asked = _details_asked(tab) | {"page": 0}
    question = questions.details(_state(site), tab, **asked)
    question["pagination"] = {"limit": MAX_LIMIT, "offset": 0}
    answer = answer_or_trouble(_asker(site), question)
    if isinstance(answer, str):
        return answer, 503, {"Content-Type": "text/plain; charset=utf-8"}
    wanted = FileKind(kind)
    headers = {"Content-Disposition": f'attachment; filename="{site.host}-{tab.name}.{kind}"'}
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
