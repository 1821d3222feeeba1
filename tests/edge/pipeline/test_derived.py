"""A rule makes one quiet custom event of a page view, and of nothing else."""

from edge.event import Beacon
from edge.pipeline.derived import derive_event
from tests.support.factories import a_site

SITE = a_site(
    rules=[
        {"id": "t", "kind": "event", "paths": ["/thanks*"], "name": "Bought", "props": {"a": "b"}}
    ]
)


def test_a_view_of_a_matching_page_makes_an_event() -> None:
    view = Beacon("pageview", "https://shop.example/thanks/7?x=1", age_ms=5)
    made = derive_event(view, SITE)
    assert made == Beacon("Bought", view.url, age_ms=5, props=(("a", "b"),), interactive=False)


def test_other_pages_and_other_events_make_none() -> None:
    assert derive_event(Beacon("pageview", "https://shop.example/thank"), SITE) is None
    assert derive_event(Beacon("signup", "https://shop.example/thanks"), SITE) is None
    assert derive_event(Beacon("pageview", "https://shop.example/thanks"), a_site()) is None
