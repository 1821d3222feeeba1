"""When an event happened, and what is too old."""

from collections.abc import Callable

import pytest

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft
from edge.pipeline.moment import MAX_AGE_MS, drop_day_without_salt, drop_too_old, put_moment
from tests.edge.pipeline.conftest import DAY, NOON_MS

type Make = Callable[..., Draft]
HOUR_MS = 3_600_000


def test_the_moment_is_receipt_less_age(a_draft: Make) -> None:
    draft = a_draft(age_ms=1_500)
    put_moment(draft)
    assert (draft.ts_ms, draft.local_day, draft.is_first_hour) == (NOON_MS - 1_500, DAY, False)


@pytest.mark.parametrize(
    ("age_ms", "reason"),
    [(0, None), (MAX_AGE_MS, None), (MAX_AGE_MS + 1, DropReason.TOO_OLD), (2**53, "too_old")],
)
def test_more_than_a_day_is_too_old(a_draft: Make, age_ms: int, reason: DropReason) -> None:
    assert drop_too_old(a_draft(age_ms=age_ms)) == reason


@pytest.mark.parametrize(
    ("zone", "now_ms", "day", "is_first_hour"),
    [
        ("UTC", NOON_MS + 12 * HOUR_MS, DAY + 1, True),
        ("UTC", NOON_MS + 12 * HOUR_MS - 1, DAY, False),
        ("UTC", NOON_MS + 13 * HOUR_MS, DAY + 1, False),
        ("Pacific/Kiritimati", NOON_MS, DAY + 1, False),
        ("Asia/Kathmandu", NOON_MS + 6 * HOUR_MS + 15 * 60_000, DAY + 1, True),
        ("America/New_York", NOON_MS - 7 * HOUR_MS - 1, DAY - 1, False),
        ("America/New_York", NOON_MS - 7 * HOUR_MS, DAY, True),
    ],
)
def test_the_day_is_the_sites(
    a_draft: Make, zone: str, now_ms: int, day: int, is_first_hour: bool
) -> None:
    draft = a_draft(site={"timezone": zone}, now_ms=now_ms)
    put_moment(draft)
    assert (draft.local_day, draft.is_first_hour) == (day, is_first_hour)


def test_a_day_whose_salt_is_gone_is_too_old(a_draft: Make) -> None:
    draft = a_draft(salts={DAY: bytes(32)}, age_ms=13 * HOUR_MS)
    put_moment(draft)
    assert drop_day_without_salt(draft) is DropReason.TOO_OLD


def test_a_day_with_a_salt_goes_on(a_draft: Make) -> None:
    draft = a_draft(salts={DAY - 1: bytes(32)}, age_ms=13 * HOUR_MS)
    put_moment(draft)
    assert drop_day_without_salt(draft) is None
