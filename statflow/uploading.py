"""Check and import what was uploaded: a thread of each portal, the work in a process of its own.

The process is ``statflow import``, so that reading a large file slows no page down and nothing a
file holds can end the portal. Rows and their states are ``portal.imports.uploads``. Each portal
works on the files in its own folder, one at a time. The one invariant: a process ends with its
portal, and what begins again does the same work, which is the importer's to make safe.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from portal.database import Database
from portal.imports.uploads import Job, beat, claim, finish, forget_old, places
from statflow.paths import Paths

PAUSE_S = 1.0
BEAT_S = 2.0
TIDY_S = 3600.0
SAID_BY_US = "statflow: "
MOST_REASONS = 200
_YOUNG_S = 86_400
log = logging.getLogger(__name__)


class Uploads:
    """The files of one portal."""

    def __init__(self, paths: Paths, database: Database) -> None:
        self._paths = paths
        self._database = database
        self._tidied_s = 0.0

    def keep(self, stop: threading.Event) -> None:
        """Work on whatever comes, until stopped."""
        while not stop.wait(PAUSE_S):
            try:
                if not self.work(stop):
                    self._tidy_now_and_then()
            except Exception:
                log.exception("uploaded files could not be worked on")

    def work(self, stop: threading.Event) -> bool:
        """Do one job; False if there is none."""
        job = claim(self._database, self._holds, _now())
        if job is None:
            return False
        report, problem = self._run(job, stop)
        if stop.is_set():
            return True  # It is claimed again once this portal, or another, finds it silent.
        finish(self._database, job, report, problem)
        if problem or not job.is_trial:
            shutil.rmtree(self._paths.uploads / job.place, ignore_errors=True)
        return True

    def _holds(self, place: str) -> bool:
        return (self._paths.uploads / place).is_dir()

    def _run(self, job: Job, stop: threading.Event) -> tuple[dict[str, Any] | None, str]:
        """Run the command; returns what it found, or what is wrong."""
        command = [
            *_lowered(), sys.executable, "-m", "statflow.launch", str(os.getpid()),
            sys.executable, "-m", "statflow.cli", "import", job.host,
            str(self._paths.uploads / job.place / job.name), "--format", job.form, "--counts",
            "--data-dir", str(self._paths.data), *(["--dry-run"] if job.is_trial else []),
        ]  # fmt: skip
        with (
            TemporaryFile() as answer,
            subprocess.Popen(  # noqa: S603 - our own program
                command, stdout=answer, stderr=subprocess.PIPE, text=True
            ) as process,
        ):
            heard = _Heard(process.stderr)
            heard.start()
            while process.poll() is None:
                if stop.wait(BEAT_S) or not beat(self._database, job, heard.done, _now()):
                    process.terminate()
                    break
            process.wait()
            heard.join()
            answer.seek(0)
            if process.returncode == 0:
                return _shortened(json.load(answer)), ""
            return None, heard.problem or "It ended in a way it should not; the log says how."

    def _tidy_now_and_then(self) -> None:
        now_s = time.monotonic()
        if self._tidied_s and now_s - self._tidied_s < TIDY_S:
            return
        self._tidied_s = now_s
        forget_old(self._database, _now())
        self.tidy()

    def tidy(self) -> None:
        """Remove the folders of files that nobody needs any more."""
        with self._database.reading() as session:
            needed = places(session)
        for folder in _folders(self._paths.uploads):
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)


class _Heard(threading.Thread):
    """Listens to a process: counts of rows, a line each; its problem; else what is for the log."""

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.done = 0
        self.problem = ""

    def run(self) -> None:
        """Listen until the process is silent for good."""
        for line in self._stream or ():
            text = line.strip()
            if text.isdecimal():
                self.done = int(text)
            elif text.startswith(SAID_BY_US):
                self.problem = text.removeprefix(SAID_BY_US)
            elif text:
                log.warning("import: %s", text)


def _shortened(report: dict[str, Any]) -> dict[str, Any]:
    """Keep the most frequent reasons for leaving something out; a file may make up millions."""
    skipped = report.get("skipped")
    if isinstance(skipped, dict) and len(skipped) > MOST_REASONS:
        most = sorted(skipped.items(), key=lambda item: -item[1])
        rest = sum(n for _, n in most[MOST_REASONS:])
        report["skipped"] = {**dict(most[:MOST_REASONS]), "other reasons": rest}
    return report


def _lowered() -> list[str]:
    """Let everything else go first, where the system knows how."""
    found = shutil.which("nice")
    return [found, "-n", "10"] if found else []


def _folders(within: Path) -> list[Path]:
    """List folders that are not being written just now."""
    if not within.is_dir():
        return []
    now_s = time.time()
    return [
        folder
        for folder in within.iterdir()
        if folder.is_dir() and now_s - folder.stat().st_mtime > _YOUNG_S
    ]


def _now() -> datetime:
    return datetime.now(UTC)
