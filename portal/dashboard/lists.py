"""The rows of the cards' lists: each is one question to the query engine.

Goals gain columns of money where a goal earns; properties are told by the one that is chosen; the
map is every country; pages that are not there come from what the edge served, so filters on what
only visits know cannot hold for them, and the list says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from portal.dashboard import questions
from portal.dashboard.asking import answer_or_trouble, told
from portal.dashboard.cards import GOALS, MAP, MISSING, PROPERTIES, Card, Tab
from portal.dashboard.example import ExampleAsker
from portal.dashboard.filters import DIMENSIONS, PROP
from portal.dashboard.questions import Asker
from portal.dashboard.state import State
from portal.language import N_
from portal.properties.known import Property, Wish, properties_of
from portal.security import request_id
from store.query.dimensions import SERVED_DIMENSIONS
from store.query.model import Result

COUNTRIES = 300
_UNFILTERED = N_(
    "A filter does not hold here: who asks for a page that is not there has no visit to filter by."
)
_NONE_DEFINED = N_("No goals yet: a goal says what counts as a success.")


@dataclass(frozen=True, slots=True)
class View:
    """What a card shows: a list's rows, or a sentence in their place."""

    tab: Tab
    metrics: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    trouble: str = ""
    empty: str = ""
    properties: tuple[Property, ...] = ()
    request_id: str = ""
    imports: str = ""


def imports_of(answer: Result | str) -> str:
    """Tell what became of imported totals: ``included``, why not, or nothing (there are none)."""
    if isinstance(answer, str) or "imports_included" not in answer.meta:
        return ""
    if answer.meta["imports_included"]:
        return "included"
    reason = str(answer.meta["imports_skip_reason"])
    return reason if "imports_warning" in answer.meta else ""


def card_view(asker: Asker, state: State, card: Card, wishes: Mapping[str, Wish]) -> View:
    """Ask for what a card shows."""
    tab = card.tab(state.tab_of(card)) or card.tabs[0]
    found = chosen_tab(asker, state, tab, wishes)
    if isinstance(found, str):
        return View(tab, tab.metrics, trouble=found, request_id=request_id())
    tab, properties = found
    metrics = columns(asker, tab, state)
    limit = COUNTRIES if tab.kind == MAP else questions.ROWS
    view = list_view(asker, state, tab, questions.rows(state, tab, metrics, limit))
    return replace(view, metrics=metrics, properties=properties)


def list_view(asker: Asker, state: State, tab: Tab, question: dict[str, Any]) -> View:
    """Ask for a list, unless it is known that nothing can be in it."""
    view = View(tab, tab.metrics, empty=why_empty(asker, state, tab))
    if view.empty:
        return view
    answer = answer_or_trouble(asker, question)
    if isinstance(answer, str):
        return replace(view, trouble=answer, request_id=request_id())
    total = answer.meta.get("total_rows", 0)
    return replace(
        view, rows=bars(answer), empty=tab.empty, total=total, imports=imports_of(answer)
    )


def chosen_tab(
    asker: Asker, state: State, tab: Tab, wishes: Mapping[str, Wish]
) -> tuple[Tab, tuple[Property, ...]] | str:
    """Fill in what only the site knows: the property by which a list is told."""
    if tab.kind != PROPERTIES or isinstance(asker, ExampleAsker):
        return tab, ()
    found = told(lambda: properties_of(asker.store, asker.site.id, wishes, asker.now))
    if isinstance(found, str):
        return found
    listed = tuple(entry for entry in found if entry.is_listed)
    chosen = next((entry for entry in listed if entry.key == state.prop), None)
    chosen = chosen or next(iter(listed), None)
    if chosen is None:
        return tab, ()
    return replace(tab, dimension=PROP + chosen.key, column=chosen.shown), listed


def why_empty(asker: Asker, state: State, tab: Tab) -> str:
    """Say why nothing has to be asked."""
    if tab.kind == GOALS and not asker.site.goals:
        return _NONE_DEFINED
    if tab.kind == PROPERTIES and tab.dimension == PROP:
        return tab.empty
    if tab.kind == MISSING and (asker.lock or not _known_of_documents(state)):
        return _UNFILTERED
    return ""


def _known_of_documents(state: State) -> bool:
    names = (DIMENSIONS.get(chip.dimension, ("",))[0] for chip in state.chips)
    return SERVED_DIMENSIONS.issuperset(names)


def columns(asker: Asker, tab: Tab, state: State) -> tuple[str, ...]:
    """List a card's columns: goals that earn have their revenue, who converted a rate."""
    earns = tab.kind == GOALS and any(goal.currency for goal in asker.site.goals)
    if state.has_goal and tab.metrics == ("visitors", "percentage"):
        return ("visitors", "conversion_rate")
    return (*tab.metrics, "total_revenue") if earns else tab.metrics


def details_columns(asker: Asker, tab: Tab, state: State) -> tuple[str, ...]:
    """List the columns of a list's details."""
    if tab.kind == GOALS:
        more = columns(asker, tab, state)
        return (*more, "average_revenue") if "total_revenue" in more else more
    return questions.details_metrics(tab)


def bars(answer: Result) -> list[dict[str, Any]]:
    """Give each row the width of its bar, in percent of the largest."""
    top = max((row["metrics"][0] or 0 for row in answer.results), default=0) or 1
    names = answer.query["metrics"]
    return [
        {
            "value": row["dimensions"][0],
            "metrics": _shown(names, row["metrics"]),
            "width": round(100 * (row["metrics"][0] or 0) / top, 1),
        }
        for row in answer.results
    ]


def _shown(names: list[str], metrics: list[Any]) -> list[Any]:
    """Leave out the bounce rate of a page where no visit began: 0 would read as a good one."""
    if "entrances" not in names or metrics[names.index("entrances")]:
        return metrics
    return [None if name == "bounce_rate" else m for name, m in zip(names, metrics, strict=True)]
