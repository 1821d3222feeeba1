"""Signals are kept only where the site has their module on, and without values."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft
from edge.pipeline.signals import drop_module_off, without_values


@pytest.mark.parametrize(
    ("modules", "name", "reason"),
    [
        ([], "$click", DropReason.MODULE_OFF),
        (["scroll"], "$click", DropReason.MODULE_OFF),
        (["clicks"], "$click", None),
        (["clicks"], "$rage", None),
        ([], "pageview", None),
        ([], "$other", None),
    ],
)
def test_a_signal_of_a_module_that_is_off_is_dropped(
    a_draft: Callable[..., Draft], modules: list[str], name: str, reason: Any
) -> None:
    draft = a_draft(site={"modules": modules}, name=name)
    assert drop_module_off(draft) is reason


@pytest.mark.parametrize(
    ("kind", "message", "kept"),
    [
        ("TypeError", "Cannot read properties of null (reading 'price')",
         "Cannot read properties of null (reading 'price')"),
        ("TypeError", "'jo doe' is no name", "'…' is no name"),
        ("Error", "No user 'jo' with id 1234", "No user '…' with id 0"),
        ("Error", 'Bad "a@b.example" or `x`', 'Bad "…" or `…`'),
        ("Error", "it's fine", "it's fine"),
        ("Error", "step2 of 3.5 failed for a1b2c3", "step2 of 0 failed for …"),
        ("TypeError", "cannot load https://a.example/x?token=abc", "cannot load https://a.example/x?"),
    ],
)  # fmt: skip
def test_a_message_keeps_no_values(kind: str, message: str, kept: str) -> None:
    assert without_values(message, kind) == kept
