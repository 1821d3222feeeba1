"""Scroll maps: how far a page is seen, and for how long each twentieth of it was in view.

One row of ``signals`` is one view of a page that lasted a second. The one invariant: what is
reached never grows from one band to the next.
"""

from datetime import datetime
from typing import Any

from store.query.behaviour.questions import (
    COMMON_KEYS,
    By,
    Reader,
    SignalQuestion,
    ratio,
    read_common,
    reader_at,
)
from store.query.model import QuerySite
from store.query.run import QueryStore

KEYS = COMMON_KEYS
GROUPS = (By.PAGE, By.WIDTH)
BANDS = 20
"""Equal parts of a page, as the tracker measures them."""
_SHARE = 100 // BANDS


def parse_scroll_question(payload: object, site: QuerySite) -> SignalQuestion:
    """Parse the body of ``POST /api/v2/scroll``.

    Raises:
        QueryError: It is no such question.
    """
    return read_common(payload, site, KEYS, GROUPS, (By.PAGE,))[0]


def run_scroll(
    store: QueryStore, question: SignalQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Draw scroll maps at a moment.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    reader = reader_at(store, question, site, now)
    columns = [
        "count() as views",
        "uniqExact(visit_id)",
        "sum(depth)",
        "quantileExact(0.5)(page_height)",
        f"sumForEach(arrayMap(band -> toUInt64(depth > band * {_SHARE}), range({BANDS})))",
        "sumForEach(bands)",
    ]
    found = reader.rows(["scroll"], [*question.keys, *columns], reader.grouped("views desc"))
    return reader.answer([_row(reader, row) for row in found if row[len(question.by)]], {})


def _row(reader: Reader, row: tuple[Any, ...]) -> dict[str, Any]:
    views, visits, depth, height, reached, in_view = row[len(reader.question.by) :]
    bands = [*map(int, in_view), *[0] * BANDS][:BANDS]
    return {
        **reader.keyed(row),
        "views": int(views),
        "visits": int(visits),
        "depth": ratio(int(depth), int(views)),
        "page_height": int(height),
        "reached": [ratio(100 * int(count), int(views), 1) for count in reached],
        "seconds": [ratio(ms, 1000 * int(views), 1) for ms in bands],
    }
