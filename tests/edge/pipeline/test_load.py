"""The load of a page view, and the status of the page that it was of."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.load_id import make_load_id, render_load_id
from edge.pipeline.draft import Draft
from edge.pipeline.load import put_load, put_status
from tests.support.factories import a_site

type Make = Callable[..., Draft]

SITE = {"load_key": "a key"}


def load_id(status: int, **site: Any) -> str:
    given = a_site(**SITE, **site)
    return render_load_id(make_load_id(given, 0x123456789ABC, is_ahead=False, status=status))


def props(draft: Draft) -> dict[str, str]:
    put_load(draft)
    put_status(draft)
    return draft.props


@pytest.mark.parametrize(
    ("beacon", "wanted"),
    [
        ({}, {}),
        ({"status": 404}, {"status": "404"}),
        ({"load_id": load_id(404)}, {"status": "404"}),
        ({"load_id": load_id(200)}, {}),
        # What the edge served is known better than what a browser says.
        ({"load_id": load_id(503), "status": 404}, {"status": "503"}),
        # An id of another site says nothing.
        ({"load_id": load_id(503, id=9), "status": 404}, {"status": "404"}),
        ({"name": "Signup", "status": 404}, {}),
    ],
)
def test_a_view_of_an_error_page_bears_its_status(
    a_draft: Make, beacon: dict[str, Any], wanted: dict[str, str]
) -> None:
    assert props(a_draft(site=SITE, **beacon)) == wanted


def test_a_status_that_the_page_itself_sent_stays(a_draft: Make) -> None:
    draft = a_draft(site=SITE, status=404)
    draft.props = {"status": "sold out"}
    assert props(draft) == {"status": "sold out"}
