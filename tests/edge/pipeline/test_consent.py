"""Who does not want to be counted is not."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.outcomes import DropReason
from edge.pipeline.consent import drop_dnt, drop_gpc, drop_opted_out
from edge.pipeline.draft import Draft

type Make = Callable[..., Draft]


@pytest.mark.parametrize(
    ("step", "given", "reason"),
    [
        (drop_opted_out, {"opted_out": True}, DropReason.OPTED_OUT),
        (drop_opted_out, {"opted_out": True, "site": {"respect_dnt": False}}, DropReason.OPTED_OUT),
        (drop_opted_out, {}, None),
        (drop_dnt, {"headers": {b"dnt": b"1"}}, DropReason.DNT),
        (drop_dnt, {"headers": {b"dnt": b" 1 "}}, DropReason.DNT),
        (drop_dnt, {"headers": {b"dnt": b"0"}}, None),
        (drop_dnt, {"headers": {b"dnt": b"1"}, "site": {"respect_dnt": False}}, None),
        (drop_gpc, {"headers": {b"sec-gpc": b"1"}}, DropReason.GPC),
        (drop_gpc, {"headers": {b"sec-gpc": b"?1"}}, None),
        (drop_gpc, {"headers": {b"sec-gpc": b"1"}, "site": {"respect_dnt": False}}, None),
    ],
)
def test_consent(a_draft: Make, step: Any, given: dict[str, Any], reason: DropReason) -> None:
    assert step(a_draft(**given)) is reason
