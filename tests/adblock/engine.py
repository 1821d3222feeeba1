"""A real ad-blocker's engine: installed from npm, asked through Node.

It knows neither our names nor what the answers mean; that is ``addresses`` and ``check``. The one
invariant: every question gets an answer, or ``EngineError`` says why there is none.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tracker.npm import install_packages, tool_command

ENGINE = {"@ghostery/adblocker": "2.18.2"}
FOLDER = Path(__file__).parents[2] / "build" / "npm" / "adblock"
_SCRIPT = Path(__file__).with_name("match.mjs")
_HEADERS = ("[adblock", "! title", "!title")


class EngineError(Exception):
    """The engine gave no answers; the message says why."""


@dataclass(frozen=True)
class Asked:
    """One request as a browser makes it: from which page, and for what."""

    url: str
    page: str
    type: str


def install_engine() -> None:
    """Install the engine, unless it is there."""
    install_packages(FOLDER, ENGINE)


def find_lists(folder: Path | None) -> list[Path]:
    """Find the filter lists in a folder: text files that say in their head that they are one.

    Raises:
        EngineError: There is no such folder, or no list in it.
    """
    if folder is None:
        raise EngineError("no filter lists: name a folder that has some, make adblock LISTS=folder")
    if not folder.is_dir():
        raise EngineError(f"no filter lists: {folder} is not a folder")
    lists = [path for path in sorted(folder.glob("*.txt")) if _is_list(path)]
    if not lists:
        raise EngineError(f"no filter lists: nothing in {folder} is a .txt file with a list's head")
    return lists


def _is_list(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1_000).decode("utf-8", "replace").lower()
    return any(line.lstrip("\ufeff").startswith(_HEADERS) for line in head.splitlines())


def find_blocking_rules(lists: Sequence[Path], asked: Sequence[Asked]) -> list[str | None]:
    """Find for each request the rule that blocks it, None where none does.

    Raises:
        EngineError: The engine failed.
    """
    question = {"lists": [str(path) for path in lists], "requests": [asdict(one) for one in asked]}
    done = subprocess.run(
        [*tool_command("node"), str(_SCRIPT)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NPM_DIR": str(FOLDER)},
    )
    if done.returncode:
        raise EngineError(f"the engine ended with status {done.returncode}: {done.stderr[-2_000:]}")
    answers: list[str | None] = json.loads(done.stdout)
    if len(answers) != len(asked):
        raise EngineError(f"{len(asked)} questions, {len(answers)} answers")
    return answers
