"""Pages on what the edge served: crawlers and what they give back, statuses, broken links, speed.

The one invariant: the site is found by the person's rights before anything is asked.
"""

from dataclasses import replace
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_login import login_required

from portal.behaviour.asking import OF_DOCUMENTS, Asked, read_asked, render_figures
from portal.behaviour.tables import Cell, Column, Row, Table, cell, filled, metric_cells
from portal.needs import needs
from portal.teams.rights import Right

blueprint = Blueprint("served", __name__, url_prefix="/sites/<host>/edge")

MOST_ROWS = 50
HITS_OFF = "This site keeps no rows of the documents served. Switch that on in its settings."
PURPOSES = {
    "search": "Search",
    "ai_training": "AI, training",
    "ai_search": "AI, search",
    "ai_assistant": "AI, a person's question",
    "seo": "SEO tool",
    "monitor": "Monitoring",
    "social_preview": "Link preview",
    "feed": "Feed reader",
    "library": "Program",
    "automation": "Automated browser",
    "scanner": "Scanner",
    "unknown": "Not known",
}
BY_OPERATOR = (
    Column("crawled_pages", "Pages taken"),
    Column("share", "Share", "percent"),
    Column("crawl_to_visit_ratio", "Pages a visit", "ratio"),
)
BY_PURPOSE = (Column("crawled_pages", "Pages taken"), Column("share", "Share", "percent"))
TAKEN = (Column("crawled_pages", "Pages taken"), Column("visits", "Visits of people"))
STATUSES = (
    Column("hits", "Documents"),
    Column("share", "Share", "percent"),
    Column("ttfb_p50", "First byte, p50", "ms"),
    Column("bytes", "Sent", "bytes"),
)
BROKEN = (Column("hits", "Times"),)
SLOW = (
    Column("ttfb_p95", "First byte, p95", "ms"),
    Column("ttfb_p50", "p50", "ms"),
    Column("hits", "Documents"),
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
    columns = (*TAKEN, Column("crawl_to_visit_ratio", "Pages taken for each visit", "ratio"))
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
    by_purpose = asked.query(["crawled_pages"], dimensions=["visit:operator", "visit:bot"], **page)
    by_page = asked.query(["crawled_pages", "visits"], dimensions=["event:page"], **page)
    tables = [
        filled(
            Table(
                "Who takes pages, and what comes back",
                "Operator",
                BY_OPERATOR,
                help="Pages a visit: pages taken for each visit that the operator's search or "
                "assistants sent. A dash: none came.",
                empty="No crawler took a page in this time.",
            ),
            _taken(by_operator),
            lambda found: Row(_operator(found["dimensions"][0]), shared(found, BY_OPERATOR)),
        ),
        filled(
            Table("What for", "Operator and purpose", BY_PURPOSE, empty="No crawler came."),
            by_purpose,
            lambda found: Row(
                _operator(found["dimensions"][0]),
                shared(found, BY_PURPOSE),
                PURPOSES.get(found["dimensions"][1], found["dimensions"][1]),
            ),
        ),
        filled(
            Table("Pages taken most", "Page", TAKEN, empty="No page was taken."),
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
    return "Not known" if name == "(not set)" else name


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
        Column("hits", "Documents served to people"),
        Column("ttfb_p50", "First byte, p50", "ms"),
        Column("ttfb_p95", "First byte, p95", "ms"),
        Column("bytes", "Sent", "bytes"),
    )
    whole = asked.query([column.name for column in columns])
    total = 0 if isinstance(whole, str) else whole["results"][0]["metrics"][0]
    page = {"pagination": {"limit": MOST_ROWS}}
    statuses = asked.query(["hits", "ttfb_p50", "bytes"], dimensions=["hit:status"], **page)
    broken = asked.query(
        ["hits"], dimensions=["event:page", "hit:linked_from"],
        filters=[["is", "hit:status", ["404", "410"]]], **page,
    )  # fmt: skip
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
        filled(Table("Statuses", "Status", STATUSES), statuses, status),
        filled(
            Table(
                "Broken links",
                "Address that is not there",
                BROKEN,
                help="Answered 404 or 410. Direct: typed, a bookmark, or a page that says nothing.",
                empty="Nobody met a missing page.",
            ),
            broken,
            lambda found: Row(
                found["dimensions"][0],
                metric_cells(BROKEN, found["metrics"]),
                f"linked from {found['dimensions'][1]}",
            ),
        ),
        filled(
            Table(
                "Slowest pages",
                "Page",
                SLOW,
                help="Until the site gave the edge the first byte of the answer.",
            ),
            slow,
            lambda found: Row(found["dimensions"][0], metric_cells(SLOW, found["metrics"])),
        ),
    ]
    return _render(asked, "answers", _tiles(whole, columns), tables)
