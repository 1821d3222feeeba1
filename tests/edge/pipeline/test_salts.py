"""The fence around processes that hold salts, and expiry without traffic."""

import asyncio
import resource
import subprocess
import sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.page_url import split_page
from edge.pipeline.identity import keyed
from edge.pipeline.salts import keep_expiring
from edge.pipeline.salts_file import FileSalts

UTC = ZoneInfo("UTC")
NEW_YEAR_MS = 1_767_225_600_000
_PROTECT = """
import ctypes, resource
from edge.page_url import split_page
from edge.pipeline.salts import protect_process
print(protect_process(), resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3))
"""


def test_a_protected_process_dumps_no_core() -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", _PROTECT]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] (0, 0) 0"
    assert resource.RLIMIT_CORE is not None


async def test_an_idle_edge_wipes_ended_salts_and_addresses_of_pages(tmp_path: Path) -> None:
    salts = FileSalts(tmp_path / "salts")
    salt = await salts.for_day(1, date(2026, 1, 1), UTC, NEW_YEAR_MS)
    assert salt is not None
    split_page("https://shop.example/jo@mail.example")
    split_page("https://jo:secret@shop.example/")
    keyed(salt)
    stop = asyncio.Event()
    task = asyncio.create_task(keep_expiring(salts, lambda: NEW_YEAR_MS + 25 * 3_600_000, stop))
    await asyncio.sleep(0.01)
    stop.set()
    await task
    assert salt not in (tmp_path / "salts").read_bytes()
    assert split_page.cache_info().currsize == keyed.cache_info().currsize == 0
    salts.close()
