"""What a page of figures is asked for, and its answers: those that the API gives to the same.

The URL says period and filters, as for the overview, and the page's own choices; a question that
fails becomes a sentence. The one invariant: every number that these pages show is a value of such
an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import abort, redirect, render_template, request, url_for

from portal.api.behaviour import BY_NAME
from portal.dashboard.asking import told
from portal.dashboard.bar import asker_of, bar_context, state_of, with_added_filter
from portal.dashboard.filters import DIMENSIONS
from portal.dashboard.look import Look
from portal.dashboard.members import page_look
from portal.dashboard.questions import Asker, base_question
from portal.dashboard.state import State
from portal.language import _
from portal.models import Site
from portal.sites.tabs import label_of
from store.query.behaviour.questions import WIDTH_CLASSES
from store.query.dimensions import CAPTURE_DIMENSIONS

type Dimensions = Mapping[str, tuple[str, str]]
OF_DOCUMENTS: Dimensions = {
    name: entry for name, entry in DIMENSIONS.items() if entry[0] in CAPTURE_DIMENSIONS
}
"""What documents can be filtered by: what they know without knowing visits."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One view of a site: who looks, what the URL says, and whoever asks the store about it.

    ``state`` holds the filters that the page can follow, ``left_out`` the names of the others;
    ``filters`` are beside those of the state.
    """

    look: Look
    state: State
    asker: Asker
    base: str
    dimensions: Dimensions
    left_out: tuple[str, ...] = ()
    filters: tuple[Any, ...] = ()

    @property
    def site(self) -> Site:
        """The site."""
        return self.look.site

    @property
    def width(self) -> str:
        """The class of windows that is looked at; all, if empty."""
        return _chosen("width", ["", *WIDTH_CLASSES], "")

    def to(self, endpoint: str, **own: str) -> str:
        """Write the address of another page about the same."""
        return url_for(endpoint, host=self.site.host) + self.state.elsewhere(**own)

    def query(self, metrics: list[str], **body: Any) -> dict[str, Any] | str:
        """Ask as ``POST /api/v2/query`` would be; trouble is a sentence."""

        def ask() -> dict[str, Any]:
            result = self.asker.ask(self._body(body) | {"metrics": metrics})
            return {"results": result.results, "meta": result.meta, "query": result.query}

        return told(ask)

    def signals(self, name: str, **body: Any) -> dict[str, Any] | str:
        """Ask as ``POST /api/v2/<name>`` would be; trouble is a sentence."""
        asker, asked = self.asker, self._body(body)
        if self.width:
            asked["width"] = self.width
        return told(lambda: BY_NAME[name].ask(asker.store, asked, asker.site, asker.now))

    def _body(self, body: dict[str, Any]) -> dict[str, Any]:
        base = base_question(self.state)
        filters = [*base["filters"], *self.filters, *body.get("filters", ())]
        return base | body | {"filters": filters}


def read_asked(host: str, *own: str, dimensions: Dimensions = DIMENSIONS) -> Asked:
    """Find the site, if it is the person's, and read what the URL says; lets the database go.

    ``own`` are the page's own parameters, ``dimensions`` what it can be filtered by.
    """
    look = page_look(host)
    base = url_for(request.endpoint or "", host=look.site.host)
    if "add_value" in request.args:
        abort(redirect(with_added_filter(look, base, *own)))
    state = state_of(look, *own)
    chips = tuple(chip for chip in state.chips if _follows(chip.dimension, dimensions))
    left_out = tuple(_(chip.label) for chip in state.chips if chip not in chips)
    followed = replace(state, chips=chips)
    return Asked(look, followed, asker_of(look), base, dimensions, left_out)


def _follows(dimension: str, dimensions: Dimensions) -> bool:
    return dimensions is DIMENSIONS or dimension in dimensions


def render_figures(template: str, asked: Asked, tab: str, **values: Any) -> str:
    """Show a page of figures below the bar of periods and filters."""
    context = bar_context(asked.look, asked.state, asked.asker, asked.base)
    if asked.dimensions is not DIMENSIONS:
        context |= {"dimensions": asked.dimensions, "segments": None}
    return render_template(
        template,
        **context,
        asked=asked,
        tab=tab,
        title=_(label_of(tab)),
        left_out=asked.left_out,
        **values,
    )


def _chosen(name: str, known: list[str], otherwise: str) -> str:
    value = request.args.get(name, otherwise)
    return value if value in known else otherwise


def chosen(name: str, known: list[str]) -> str:
    """Read a choice of the URL; the first is the usual one."""
    return _chosen(name, known, known[0])
