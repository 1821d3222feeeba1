"""Salts in a file: one a site and day, the same for all processes, gone when they end."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.pipeline.days import salt_end_ms
from edge.pipeline.salts_file import RECORD_BYTES, FileSalts
from edge.sites import SaltPeriod

ROOT = Path(__file__).parents[3]
UTC = ZoneInfo("UTC")
DAY = date(2026, 1, 1)
DAWN_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
END_MS = DAWN_MS + 25 * HOUR_MS
_ASK = """
import asyncio, sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo
from edge.pipeline.salts_file import FileSalts
salts = FileSalts(Path(sys.argv[1]))
for site in range(1, 40):
    salt = asyncio.run(salts.for_day(site, date(2026, 1, 1), ZoneInfo("UTC"), 1767225600000))
    print(salt.hex(), flush=True)
if len(sys.argv) > 2:
    site = 100
    while True:
        site += 1
        asyncio.run(salts.for_day(site, date(2026, 1, 1), ZoneInfo("UTC"), 1767225600000))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "salts"


def _content(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_salt_is_one_a_site_and_day(path: Path) -> None:
    salts = FileSalts(path)
    one = await salts.for_day(1, DAY, UTC, DAWN_MS)
    assert one is not None
    assert len(one) == 32
    assert await salts.for_day(1, DAY, UTC, DAWN_MS + 23 * HOUR_MS) == one
    others = {
        await salts.for_day(2, DAY, UTC, DAWN_MS),
        await salts.for_day(1, date(2025, 12, 31), UTC, DAWN_MS),
        await salts.for_day(1, date(2026, 1, 2), UTC, DAWN_MS + 24 * HOUR_MS),
    }
    assert len(others | {one}) == 4


@pytest.mark.parametrize(
    ("now_ms", "lives"),
    [(DAWN_MS - 1, False), (DAWN_MS, True), (END_MS - 1, True), (END_MS, False)],
)
async def test_a_salt_lives_from_dawn_to_an_hour_past_midnight(
    path: Path, now_ms: int, lives: bool
) -> None:
    assert (await FileSalts(path).for_day(1, DAY, UTC, now_ms) is not None) is lives


async def test_the_day_is_the_sites(path: Path) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    assert await FileSalts(path).for_day(1, DAY, tokyo, DAWN_MS - 9 * HOUR_MS) is not None
    assert await FileSalts(path).for_day(1, DAY, tokyo, END_MS - 9 * HOUR_MS) is None


async def test_a_restart_finds_the_same_salt(path: Path) -> None:
    before = await FileSalts(path).for_day(1, DAY, UTC, DAWN_MS)
    assert await FileSalts(path).for_day(1, DAY, UTC, DAWN_MS) == before


async def test_an_ended_salt_is_gone_from_file_and_memory(path: Path) -> None:
    salts = FileSalts(path)
    salt = await salts.for_day(1, DAY, UTC, DAWN_MS)
    assert salt is not None
    assert salt in _content(path)
    assert salts.expire(END_MS - 1) == 0
    assert salts.expire(END_MS) == 1
    assert salt not in _content(path)
    assert not salts._cache
    assert await salts.for_day(1, DAY, UTC, END_MS) is None


async def test_memory_alone_also_forgets(path: Path) -> None:
    salts = FileSalts(path)
    await salts.for_day(1, DAY, UTC, DAWN_MS)
    assert await salts.for_day(1, DAY, UTC, END_MS) is None
    assert not salts._cache


async def test_places_of_ended_salts_are_used_again(path: Path) -> None:
    salts = FileSalts(path)
    for month in range(1, 8):
        now_ms = DAWN_MS + 26 * HOUR_MS * 28 * month
        day = date.fromordinal(date(1970, 1, 1).toordinal() + now_ms // (24 * HOUR_MS))
        assert await salts.for_day(1, day, UTC, now_ms)
    assert len(_content(path)) == RECORD_BYTES


async def test_a_site_that_moved_gets_a_salt_for_the_rest_of_its_day(path: Path) -> None:
    """After Tokyo's salt of the day has ended, Los Angeles still has most of that day before it."""
    salts = FileSalts(path)
    before = await salts.for_day(1, DAY, ZoneInfo("Asia/Tokyo"), DAWN_MS)
    after = await salts.for_day(1, DAY, ZoneInfo("America/Los_Angeles"), DAWN_MS + 20 * HOUR_MS)
    assert after not in {None, before}


@pytest.mark.parametrize("cut", [1, 17, 63])
async def test_a_record_cut_short_is_as_good_as_none(path: Path, cut: int) -> None:
    first = await FileSalts(path).for_day(1, DAY, UTC, DAWN_MS)
    await FileSalts(path).for_day(2, DAY, UTC, DAWN_MS)
    os.truncate(path, RECORD_BYTES + cut)
    salts = FileSalts(path)
    assert await salts.for_day(1, DAY, UTC, DAWN_MS) == first
    assert await salts.for_day(2, DAY, UTC, DAWN_MS) is not None
    assert len(_content(path)) == 2 * RECORD_BYTES


def test_only_the_owner_may_read(path: Path) -> None:
    FileSalts(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="0600"):
        FileSalts(path)


async def test_a_memory_file_works_by_its_path() -> None:
    fd = os.memfd_create("salts")
    path = Path(f"/proc/self/fd/{fd}")
    assert await FileSalts(path).for_day(1, DAY, UTC, DAWN_MS) == await FileSalts(path).for_day(
        1, DAY, UTC, DAWN_MS
    )
    os.close(fd)


def _ask(path: Path) -> str:
    command = [sys.executable, "-c", _ASK, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_processes_that_share_the_file_agree(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(_ask, [path] * 4))
    assert len(answers) == 1
    assert len(set(answers.pop().split())) == 39


def test_a_process_killed_while_minting_harms_nothing(path: Path) -> None:
    before = _ask(path)
    command = [sys.executable, "-c", _ASK, str(path), "forever"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as minting:
        assert minting.stdout is not None
        for _ in range(39):
            minting.stdout.readline()
        minting.send_signal(signal.SIGKILL)
    assert _ask(path) == before
    assert path.stat().st_size % RECORD_BYTES == 0


async def test_a_longer_period_has_one_salt_and_keeps_it_to_its_end(path: Path) -> None:
    salts = FileSalts(path)
    monday, sunday = date(2025, 12, 29), date(2026, 1, 4)
    early = await salts.for_day(1, monday, UTC, DAWN_MS, SaltPeriod.WEEK)
    assert early is not None
    end_ms = salt_end_ms(sunday, UTC, SaltPeriod.WEEK)
    assert await salts.for_day(1, sunday, UTC, end_ms - 1, SaltPeriod.WEEK) == early
    assert await salts.for_day(1, sunday, UTC, end_ms, SaltPeriod.WEEK) is None
    of_days = {await salts.for_day(1, DAY, UTC, DAWN_MS, period) for period in SaltPeriod}
    assert len(of_days) == len(SaltPeriod)
