"""The code of the previous release, taken out of git's history.

``PREVIOUS`` names a commit; else it is the last tag before this commit, and until there is one, a
commit that is written down here. Where there is no history, in an archive or a shallow clone,
nothing here can fetch it, and the tests that need it are left out.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.stack import ROOT

BEFORE_TAGS = "072e82d3006d7747ddd867e2b882c19bc5c30506"
"""Stands for the previous release until one is tagged."""


def has_history() -> bool:
    """Tell whether this is a clone with the commits that came before."""
    return _git("rev-parse", "--is-shallow-repository") == "false"


def previous_release() -> Path:
    """Unpack the previous release once and return its folder."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{_name()}^{{commit}}")
    assert commit, (
        f"the previous release, {_name()}, is not in this clone's history: "
        "run git fetch --unshallow --tags, or name another by PREVIOUS"
    )
    folder = ROOT / "build" / "previous" / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=folder.parent))
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", making], input=archive.stdout, check=True)
        try:
            making.rename(folder)
        except OSError:  # Another test process was quicker.
            shutil.rmtree(making)
    return folder


def _name() -> str:
    """Name the previous release: what is asked for, the last tag that is not of this commit."""
    return (
        os.environ.get("PREVIOUS")
        or _git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^")
        or BEFORE_TAGS
    )


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
