"""Pages of the section *Behaviour*: each asks as the API would be asked, and shows the answers.

The one invariant: the site is found by the person's rights before anything is asked.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.behaviour.asking import Asked, chosen, read_asked, render_figures
from portal.behaviour.elements import name_of
from portal.behaviour.maps import click_map, scroll_map
from portal.behaviour.over import CELLS, FRAME_PX, MOST_ELEMENTS, clicks_over, scroll_over
from portal.behaviour.tables import (
    Cell,
    Column,
    Part,
    Row,
    Table,
    cell,
    cells,
    filled,
    metric_cells,
    shown,
)
from portal.config import here
from portal.language import N_, _, ngettext
from portal.needs import needs
from portal.pictures.known import picture_of
from portal.sessions import reading
from portal.teams.rights import Right
from portal.writing import short_day
from store.query.behaviour.questions import WIDTH_CLASSES
from store.query.behaviour.vitals import THRESHOLDS, rating

blueprint = Blueprint("behaviour", __name__, url_prefix="/sites/<host>/behaviour")

MOST_ROWS = 100
MOST_PARTS = 500
"""Elements of pages, asked for at once to stand below their elements."""
MAP_COLUMNS = 40
ON_PAGES = (
    Column("visitors", N_("Visitors")),
    Column("time_on_page", N_("Time on page"), "seconds"),
    Column("scroll_depth", N_("Scroll depth"), "percent"),
    Column("clicks", N_("Clicks")),
    Column("rage_clicks", N_("Rage")),
    Column("dead_clicks", N_("Dead")),
    Column("errors", N_("Errors")),
    Column("lcp_p75", "LCP, p75", "ms"),
)
CLICKS = (
    Column("clicks", N_("Clicks")),
    Column("rage_clicks", N_("Rage")),
    Column("dead_clicks", N_("Dead")),
    Column("visits", N_("Visits")),
)
MAPS = {
    "clicks": N_("Clicks"),
    "rage_clicks": N_("Rage clicks"),
    "dead_clicks": N_("Dead clicks"),
    "scroll": N_("Scroll"),
}
VITAL_NAMES = {
    "LCP": N_("Largest Contentful Paint"),
    "INP": N_("Interaction to Next Paint"),
    "CLS": N_("Cumulative Layout Shift"),
    "FCP": N_("First Contentful Paint"),
    "TTFB": N_("Time to First Byte"),
}
RATINGS = {"good": N_("good"), "needs_work": N_("needs work"), "poor": N_("poor")}
ERRORS = (
    Column("count", N_("Times")),
    Column("visits", N_("Visits")),
    Column("pages", N_("Pages")),
    Column("first_seen", N_("First seen")),
    Column("last_seen", N_("Last seen")),
)
FORMS = (
    Column("begun", N_("Started")),
    Column("submitted", N_("Submitted")),
    Column("abandoned", N_("Abandoned")),
    Column("abandonment_rate", N_("Left unfinished"), "percent"),
    Column("seconds", N_("Time to fill in"), "seconds"),
)
FIELDS = (
    Column("entered", N_("Filled in")),
    Column("seconds", N_("Time in it"), "seconds"),
    Column("returned", N_("Came back to it")),
    Column("left_at", N_("Left at it")),
)


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


_LONGEST_PATH = 2_000


def _render(template: str, asked: Asked, tab: str, **values: Any) -> str:
    return render_figures(f"behaviour/{template}.html", asked, tab, widths=WIDTH_CLASSES, **values)


def empty_of(asked: Asked, module: str) -> str:
    """Say why nothing is there: a module that is off, or nothing that happened."""
    if module in asked.site.modules:
        return _("Nothing in this time.")
    return _(
        "The module %(module)s is off. Switch it on in the site's settings, under Also record.",
        module=module,
    )


@blueprint.get("")
@needs(Right.VIEW_STATS)
def pages(host: str) -> ResponseReturnValue:
    """Show how visitors fare on each page."""
    asked = read_asked(host)
    answer = asked.query(
        [column.name for column in ON_PAGES],
        dimensions=["event:page"],
        pagination={"limit": MOST_ROWS},
    )
    table = Table(
        _("Pages"),
        _("Page"),
        ON_PAGES,
        help=_(
            "Time on page is engaged time: visible and with the focus. A page leads to its maps."
        ),
    )

    def row(found: dict[str, Any]) -> Row:
        page = found["dimensions"][0]
        figures = list(metric_cells(ON_PAGES, found["metrics"]))
        figures[-1] = _rated("LCP", figures[-1])
        return Row(page, tuple(figures), href=asked.to("behaviour.page_map", page=page))

    return _render("tables", asked, "pages", tables=[filled(table, answer, row)])


def _rated(vital: str, figure: Cell) -> Cell:
    if not isinstance(figure.value, int | float):
        return figure
    return Cell(figure.name, figure.value, figure.text, rating(vital, figure.value))


@blueprint.get("/map")
@needs(Right.VIEW_STATS)
def page_map(host: str) -> ResponseReturnValue:
    """Draw where one page is clicked, or how far it is seen; the most viewed, if none is named."""
    asked = read_asked(host, "page", "of", "width")
    pages = _viewed_pages(asked)
    page = request.args.get("page", "").replace("\0", "")[:_LONGEST_PATH] or next(iter(pages), "")
    of = chosen("of", list(MAPS))
    asked = replace(asked, filters=(["is", "event:page", [page]],))
    answer = _map_answer(asked, of) if page else {"results": []}
    found = [] if isinstance(answer, str) else answer["results"]
    drawing = None
    if found and not isinstance(answer, str):
        drawing = scroll_map(found[0]) if of == "scroll" else click_map(answer)
    picture = picture_of(reading(), asked.site.id, page, here().now()) if page else None
    over = _over(asked, of, found) if picture is not None and drawing is not None else None
    return _render(
        "map",
        asked,
        "map",
        page=page,
        of=of,
        maps=MAPS,
        drawing=drawing,
        picture=picture,
        over=over,
        frame_px=FRAME_PX[asked.width],
        scrolled=found[0] if drawing and of == "scroll" else None,
        trouble=answer if isinstance(answer, str) else "",
        elements=_elements(asked, of, with_pages=False) if drawing and of != "scroll" else None,
        pages=pages,
    )


def _map_answer(asked: Asked, of: str) -> dict[str, Any] | str:
    if of == "scroll":
        return asked.signals("scroll")
    return asked.signals("clicks", order=of, grid=MAP_COLUMNS, grid_of="page")


def _over(asked: Asked, of: str, found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Gather what is drawn over the page's picture; None if the store does not say."""
    if of == "scroll":
        return scroll_over(found[0])
    asks = {"by": ["element"], "order": of, "limit": MOST_ELEMENTS}
    within = asked.signals("clicks", **asks, grid=CELLS, grid_of="element")
    on_page = asked.signals("clicks", **asks, grid=MAP_COLUMNS, grid_of="page")
    if isinstance(within, str) or isinstance(on_page, str):
        return None
    return clicks_over(within, on_page, found[0][of], of)


def _viewed_pages(asked: Asked) -> list[str]:
    """List the pages that have most views, to choose from."""
    answer = asked.query(["pageviews"], dimensions=["event:page"], pagination={"limit": MOST_ROWS})
    return [] if isinstance(answer, str) else [row["dimensions"][0] for row in answer["results"]]


def _elements(asked: Asked, order: str, *, with_pages: bool) -> Table:
    """Rank elements; ``with_pages`` folds their pages below each, which lead to their maps."""
    table = Table(
        {
            "clicks": _("Elements"),
            "rage_clicks": _("Rage clicks"),
            "dead_clicks": _("Dead clicks"),
        }[order],
        _("Element"),
        CLICKS,
        help={
            "clicks": _(
                "An element is named by tags, positions and written ids, never by its text."
            ),
            "rage_clicks": _("Three clicks within a second of each other at one place."),
            "dead_clicks": _("Clicks after which nothing on the page changed."),
        }[order],
        empty=empty_of(asked, "clicks"),
    )

    def to_map(page: str) -> str:
        return asked.to("behaviour.page_map", page=page, of=order, width=asked.width)

    def row(found: dict[str, Any]) -> Row:
        return Row(name_of(found["element"]), cells(CLICKS, found), found["element"])

    def row_with_pages(found: dict[str, Any]) -> Row:
        on = known.get(found["element"], [])
        fold = ngettext("on %(num)s page", "on %(num)s pages", len(on))
        parts = tuple(
            Part(page["page"], cell(Column(order, ""), page[order]), to_map(page["page"]))
            for page in on
        )
        return replace(row(found), fold=fold, parts=parts)

    whole = asked.signals("clicks", by=["element"], order=order, limit=MOST_ROWS)
    if not with_pages or isinstance(whole, str):
        return filled(table, whole, row)
    answer = asked.signals("clicks", by=["element", "page"], order=order, limit=MOST_PARTS)
    known: dict[str, list[dict[str, Any]]] = {}
    for part in [] if isinstance(answer, str) else answer["results"]:
        known.setdefault(part["element"], []).append(part)
    return filled(table, whole, row_with_pages)


@blueprint.get("/clicks")
@needs(Right.VIEW_STATS)
def clicks(host: str) -> ResponseReturnValue:
    """Rank what is clicked in anger and in vain."""
    asked = read_asked(host, "width")
    tables = [_elements(asked, order, with_pages=True) for order in ("rage_clicks", "dead_clicks")]
    return _render("tables", asked, "clicks", tables=tables, has_widths=True)


@blueprint.get("/vitals")
@needs(Right.VIEW_STATS)
def vitals(host: str) -> ResponseReturnValue:
    """Show vitals with their thresholds, and the pages that hurt."""
    asked = read_asked(host, "vital", "width")
    vital = chosen("vital", list(VITAL_NAMES))
    unit = "score" if vital == "CLS" else "ms"
    columns = (
        Column("p75", "p75", unit),
        Column("p50", "p50", unit),
        Column("p95", "p95", unit),
        Column("poor", N_("Poor")),
        Column("needs_work", N_("Needs work")),
        Column("count", N_("Measured")),
    )

    def row(found: dict[str, Any]) -> Row:
        figures = [cell(columns[0], found["p75"], found["rating"])]
        figures += cells(columns[1:], found)
        page, state = found["page"], asked.state
        href = "" if state.has("page", page) else asked.base + state.filtered("page", page)
        return Row(page, tuple(figures), href=href)

    table = Table(
        _("Pages by %(vital)s", vital=vital),
        _("Page"),
        columns,
        help=_("The pages with the most poor views first."),
    )
    by_page = asked.signals("vitals", by=["page"], vital=vital, limit=MOST_ROWS)
    return _render(
        "vitals",
        asked,
        "vitals",
        whole=asked.signals("vitals"),
        table=filled(table, by_page, row),
        vital=vital,
        names=VITAL_NAMES,
        ratings=RATINGS,
        thresholds=THRESHOLDS,
        in_words=shown,
        has_widths=True,
    )


@blueprint.get("/errors")
@needs(Right.VIEW_STATS)
def errors(host: str) -> ResponseReturnValue:
    """List errors that nobody caught."""
    asked = read_asked(host, "order", "width")
    order = chosen("order", ["count", "visits", "last_seen", "first_seen"])
    table = Table(
        _("Uncaught errors"),
        _("Error"),
        ERRORS,
        help=_("Numbers, quoted text and words with digits are taken out of messages."),
        empty=empty_of(asked, "errors"),
    )

    def row(found: dict[str, Any]) -> Row:
        where = f"{found['file']}:{found['line']}" if found["file"] else _("in the page itself")
        seen_on = ", ".join(found["seen_on"]) + (
            " …" if found["pages"] > len(found["seen_on"]) else ""
        )
        figures = cells(ERRORS[:3], found) + tuple(
            Cell(column.name, found[column.name], _moment(found[column.name]))
            for column in ERRORS[3:]
        )
        note = _("%(where)s · on %(pages)s", where=where, pages=seen_on)
        return Row(f"{found['type']}: {found['message']}", figures, note)

    answer = asked.signals("errors", order=order, limit=MOST_ROWS)
    return _render("tables", asked, "errors", tables=[filled(table, answer, row)], has_widths=True)


def _moment(text: str) -> str:
    """Write a moment in the site's own time, its year left out."""
    moment = datetime.fromisoformat(text)
    return f"{short_day(moment, with_year=False)} {moment:%H:%M}"


@blueprint.get("/forms")
@needs(Right.VIEW_STATS)
def forms(host: str) -> ResponseReturnValue:
    """Show forms, their fields by time, and where people leave."""
    asked = read_asked(host, "width")
    answer = asked.signals("forms", limit=MOST_ROWS)
    whole = Table(
        _("Forms"),
        _("Form"),
        FORMS,
        help=_("Started: somebody touched a field of the form."),
        empty=empty_of(asked, "forms"),
    )
    found = [] if isinstance(answer, str) else answer["results"]
    tables = [
        filled(whole, answer, lambda form: Row(form["form"], cells(FORMS, form), form["page"]))
    ]
    tables += [
        Table(
            _("%(form)s on %(page)s", form=form["form"], page=form["page"]),
            _("Field"),
            FIELDS,
            tuple(Row(field["field"], cells(FIELDS, field)) for field in form["fields"]),
        )
        for form in found
        if form["fields"]
    ]
    return _render("tables", asked, "forms", tables=tables, has_widths=True)
