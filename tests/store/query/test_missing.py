"""Pages that are not there: what people asked for, once per request, the commonest first."""

from datetime import UTC, datetime, timedelta
from itertools import count

from store.client import Store
from store.query.missing import Missing, missing_pages

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=2)
_sites = count(935_000)
ROWS = (
    # path, status, hours after the start, kind, bot, method
    ("/gone?x=1", 404, 0, "document", "", "GET"),
    ("/gone", 410, 47, "document", "", "GET"),
    ("/Old%20page", 404, 3, "activated", "", "GET"),
    ("/", 200, 3, "document", "", "GET"),
    ("/early", 404, -1, "document", "", "GET"),
    ("/late", 404, 48, "document", "", "GET"),
    ("/bot", 404, 3, "document", "scanner", "GET"),
    ("/head", 404, 3, "document", "", "HEAD"),
    ("/script", 404, 3, "script", "", "GET"),
    ("/broken", 500, 3, "document", "", "GET"),
)


def stored(store: Store) -> int:
    site_id = next(_sites)
    paths, statuses, hours, kinds, bots, methods = (
        list(column) for column in zip(*ROWS, strict=True)
    )
    columns = {
        "path": paths,
        "status": statuses,
        "ts": [round((START + timedelta(hours=h)).timestamp() * 1000) for h in hours],
        "kind": kinds,
        "bot": bots,
        "method": methods,
        "site_id": [site_id] * len(ROWS),
    }
    store.insert("hits", columns, token=f"missing-{site_id}")
    return site_id


def test_only_documents_that_people_asked_for_and_are_not_there_count(store: Store) -> None:
    found = missing_pages(store, stored(store), (START, END), limit=10)
    assert found == Missing([("/gone", 2), ("/Old%20page", 1)], requests=3, paths=2)


def test_a_page_of_the_list_and_a_search_keep_the_sums_of_what_they_show(store: Store) -> None:
    site_id = stored(store)
    second = missing_pages(store, site_id, (START, END), limit=1, offset=1)
    assert second == Missing([("/Old%20page", 1)], requests=3, paths=2)
    searched = missing_pages(store, site_id, (START, END), limit=10, search="old%20")
    assert searched == Missing([("/Old%20page", 1)], requests=1, paths=1)
    assert missing_pages(store, site_id, (END, END), limit=10) == Missing([], 0, 0)
