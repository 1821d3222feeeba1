"""Pages on what the edge served: crawlers and what they give back, statuses, broken links, speed.

The one invariant: the site is found by the person's rights before anything is asked.
"""

from dataclasses import replace
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.behaviour.asking import OF_DOCUMENTS, Asked, read_asked, render_figures
from portal.behaviour.tables import Cell, Column, Part, Row, Table, cell, filled, metric_cells
from portal.language import N_, _
from portal.needs import needs
from portal.teams.rights import Right
from store.query.dimensions import DIRECT_NONE

blueprint = Blueprint("served", __name__, url_prefix="/sites/<host>/edge")

MOST_ROWS = 50
MOST_PARTS = 500
"""Links to missing pages, or purposes of operators: asked for at once, to stand in their rows."""
HITS_OFF = N_("This site keeps no rows of the documents served. Switch that on in its settings.")
PURPOSES = {
    "search": N_("Search"),
    "ai_training": N_("AI, training"),
    "ai_search": N_("AI, search"),
    "ai_assistant": N_("AI, a person's question"),
    "seo": N_("SEO tool"),
    "monitor": N_("Monitoring"),
    "social_preview": N_("Link preview"),
    "feed": N_("Feed reader"),
    "library": N_("Program"),
    "automation": N_("Automated browser"),
    "scanner": N_("Scanner"),
    "unknown": N_("Not known"),
}
BY_OPERATOR = (
    Column("crawled_pages", N_("Pages crawled")),
    Column("share", N_("Share"), "percent"),
    Column("crawl_to_visit_ratio", N_("Crawls per visit"), "ratio"),
)
TAKEN = (Column("crawled_pages", N_("Pages crawled")), Column("visits", N_("Visits of people")))
STATUSES = (
    Column("hits", N_("Documents")),
    Column("share", N_("Share"), "percent"),
    Column("ttfb_p50", N_("First byte, p50"), "ms"),
    Column("bytes", N_("Sent"), "bytes"),
)
BROKEN = (Column("hits", N_("Times")),)
SLOW = (
    Column("ttfb_p95", N_("First byte, p95"), "ms"),
    Column("ttfb_p50", "p50", "ms"),
    Column("hits", N_("Documents")),
)


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _render(asked: Asked, tab: str, tiles: list[tuple[str, Cell]], tables: list[Table]) -> str:
    if not asked.site.hits:
        tables = [replace(table, empty=HITS_OFF) for table in tables]
    return render_figures("behaviour/tables.html", asked, tab, tiles=tiles, tables=tables)


@blueprint.get("/crawlers")
@needs(Right.VIEW_STATS)
def crawlers(host: str) -> ResponseReturnValue:
    """Show who crawls the site, what for, and how many visits come back for it."""
    asked = read_asked(host, dimensions=OF_DOCUMENTS)
    columns = (*TAKEN, Column("crawl_to_visit_ratio", N_("Pages crawled per visit"), "ratio"))
    whole = asked.query([column.name for column in columns])
    total = 0 if isinstance(whole, str) else whole["results"][0]["metrics"][0]

    def shared(found: dict[str, Any], columns: tuple[Column, ...]) -> tuple[Cell, ...]:
        pages, *more = found["metrics"]
        return metric_cells(columns, [pages, _share(pages, total), *more])

    page = {"pagination": {"limit": MOST_ROWS}}
    by_operator = asked.query(
        ["crawled_pages", "crawl_to_visit_ratio"], dimensions=["visit:operator"],
        order_by=[["crawled_pages", "desc"]], **page,
    )  # fmt: skip
    by_purpose = asked.query(
        ["crawled_pages"], dimensions=["visit:operator", "visit:bot"],
        pagination={"limit": MOST_PARTS},
    )  # fmt: skip
    purposes: dict[str, list[Part]] = {}
    for found in [] if isinstance(by_purpose, str) else by_purpose["results"]:
        operator, purpose = found["dimensions"]
        part = Part(PURPOSES.get(purpose, purpose), cell(BY_OPERATOR[0], found["metrics"][0]))
        purposes.setdefault(operator, []).append(part)
    by_page = asked.query(["crawled_pages", "visits"], dimensions=["event:page"], **page)
    tables = [
        filled(
            Table(
                _("Crawlers by operator"),
                _("Operator"),
                BY_OPERATOR,
                help=_(
                    "Crawls per visit: pages crawled for each visit that the operator's search or "
                    "assistants sent. A dash: none came."
                ),
                empty=_("No crawler took a page in this time."),
            ),
            _taken(by_operator),
            lambda found: Row(
                _operator(found["dimensions"][0]),
                shared(found, BY_OPERATOR),
                fold=_("What for"),
                parts=tuple(purposes.get(found["dimensions"][0], ())),
            ),
        ),
        filled(
            Table(_("Most crawled pages"), _("Page"), TAKEN, empty=_("No page was taken.")),
            _taken(by_page),
            lambda found: Row(found["dimensions"][0], metric_cells(TAKEN, found["metrics"])),
        ),
    ]
    return _render(asked, "crawlers", _tiles(whole, columns), tables)


def _taken(answer: dict[str, Any] | str) -> dict[str, Any] | str:
    """Leave out rows of which no page was taken: they are there for the visits beside them."""
    if isinstance(answer, str):
        return answer
    return answer | {"results": [row for row in answer["results"] if row["metrics"][0]]}


def _operator(name: str) -> str:
    return _("Not known") if name == "(not set)" else name


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _tiles(answer: dict[str, Any] | str, columns: tuple[Column, ...]) -> list[tuple[str, Cell]]:
    if isinstance(answer, str):
        return []
    values = answer["results"][0]["metrics"]
    return [(c.label, cell(c, value)) for c, value in zip(columns, values, strict=True)]


@blueprint.get("/answers")
@needs(Right.VIEW_STATS)
def answers(host: str) -> ResponseReturnValue:
    """Show how people's requests were answered: statuses, broken links, slow pages."""
    asked = read_asked(host, dimensions=OF_DOCUMENTS)
    columns = (
        Column("hits", N_("Documents served to people")),
        Column("ttfb_p50", N_("First byte, p50"), "ms"),
        Column("ttfb_p95", N_("First byte, p95"), "ms"),
        Column("bytes", N_("Sent"), "bytes"),
    )
    whole = asked.query([column.name for column in columns])
    total = 0 if isinstance(whole, str) else whole["results"][0]["metrics"][0]
    page = {"pagination": {"limit": MOST_ROWS}}
    statuses = asked.query(["hits", "ttfb_p50", "bytes"], dimensions=["hit:status"], **page)
    missing: dict[str, Any] = {"filters": [["is", "hit:status", ["404", "410"]]]}
    broken = asked.query(["hits"], dimensions=["event:page"], **missing, **page)
    linked = asked.query(
        ["hits"], dimensions=["event:page", "hit:linked_from"], **missing,
        pagination={"limit": MOST_PARTS},
    )  # fmt: skip
    links: dict[str, list[Part]] = {}
    for found in [] if isinstance(linked, str) else linked["results"]:
        address, source = found["dimensions"]
        said = _("asked for without a link") if source == DIRECT_NONE else source
        links.setdefault(address, []).append(Part(said, cell(BROKEN[0], found["metrics"][0])))
    failed = asked.query(
        ["hits"], dimensions=["event:page"], filters=[["is", "hit:status_class", ["5xx"]]], **page
    )
    slow = asked.query(
        ["ttfb_p95", "ttfb_p50", "hits"], dimensions=["event:page"],
        filters=[["is", "hit:status_class", ["2xx"]]], **page,
    )  # fmt: skip

    def status(found: dict[str, Any]) -> Row:
        hits, ttfb, sent = found["metrics"]
        return Row(
            found["dimensions"][0], metric_cells(STATUSES, [hits, _share(hits, total), ttfb, sent])
        )

    tables = [
        filled(Table(_("Statuses"), _("Status"), STATUSES), statuses, status),
        filled(
            Table(
                _("Broken links"),
                _("Address that is not there"),
                BROKEN,
                help=_("Answered 404 or 410. Without a link: typed, a bookmark, or a silent page."),
                empty=_("Nobody met a missing page."),
            ),
            broken,
            lambda found: Row(
                found["dimensions"][0],
                metric_cells(BROKEN, found["metrics"]),
                fold=_("Where it is linked"),
                parts=tuple(links.get(found["dimensions"][0], ())),
            ),
        ),
        filled(
            Table(
                _("Failed pages"),
                _("Page"),
                BROKEN,
                help=_("Answered with a status from 500 on: the site failed, or did not answer."),
                empty=_("No page failed."),
            ),
            failed,
            lambda found: Row(found["dimensions"][0], metric_cells(BROKEN, found["metrics"])),
        ),
        filled(
            Table(
                _("Slowest pages"),
                _("Page"),
                SLOW,
                help=_("Until the site gave the edge the first byte of the answer."),
            ),
            slow,
            lambda found: Row(found["dimensions"][0], metric_cells(SLOW, found["metrics"])),
        ),
    ]
    return _render(asked, "answers", _tiles(whole, columns), tables)
