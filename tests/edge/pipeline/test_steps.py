"""The pipeline as a whole."""

from collections.abc import Callable

import pytest

from edge.event import Event, encode_event
from edge.outcomes import DropReason
from edge.pipeline.draft import Draft
from edge.pipeline.steps import STEPS, process
from tests.edge.pipeline.conftest import NOON_MS

type Make = Callable[..., Draft]


def _process(draft: Draft) -> Event | DropReason:
    return process(draft.beacon, draft.sender, draft.context)


def test_a_page_view_becomes_an_event(a_draft: Make) -> None:
    draft = a_draft(
        url="https://shop.example/tea?utm_medium=social",
        referrer="https://t.co/x",
        viewport_px=1200,
        headers={b"accept-language": b"fr-FR"},
    )
    event = _process(draft)
    assert isinstance(event, Event)
    assert (event.site_id, event.ts_ms, event.path) == (1, NOON_MS, "/tea")
    assert (event.source, event.channel, event.screen) == ("Twitter", "Organic Social", "Laptop")
    assert (event.country, event.language, event.bot) == ("FR", "fr", "")
    assert event.visitor


def test_no_event_carries_address_or_agent(a_draft: Make) -> None:
    event = _process(a_draft(address="203.0.113.77", agent=b"SecretAgent/7.7"))
    assert isinstance(event, Event)
    assert b"203.0.113" not in encode_event(event)
    assert b"SecretAgent" not in encode_event(event)


def test_names_of_steps_say_what_they_may_do(a_draft: Make) -> None:
    for step in STEPS:
        assert step.__name__.startswith(("drop_", "put_"))
    assert [step.__name__ for step in STEPS[:3]] == ["drop_opted_out", "drop_dnt", "drop_gpc"]


def test_who_opted_out_leaves_nothing(a_draft: Make) -> None:
    assert _process(a_draft(opted_out=True, salts={})) is DropReason.OPTED_OUT


def test_a_step_that_raises_is_an_outcome(a_draft: Make, caplog: pytest.LogCaptureFixture) -> None:
    def put_trouble(draft: Draft) -> None:
        raise RuntimeError(str(draft.sender.address))

    draft = a_draft(address="203.0.113.77")
    outcome = process(draft.beacon, draft.sender, draft.context, (put_trouble,))
    assert outcome is DropReason.STEP_FAILED
    assert "put_trouble failed: RuntimeError" in caplog.text
    assert "203.0.113.77" not in caplog.text
