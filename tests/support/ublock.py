"""uBlock Origin as Debian ships it, with its own lists or with newer ones, for a real Firefox."""

import shutil
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(
    "/usr/share/mozilla/extensions/{ec8030f7-c20a-464f-9b0e-13a3a9e97384}/uBlock0@raymondhill.net"
)
_FIRST_LIST = Path("assets/ublock/filters.min.txt")


def copy_ublock(folder: Path, lists: Sequence[Path]) -> Path:
    """Copy the extension, with further lists in the first of those that it has on by default."""
    target = folder / "ublock"
    shutil.copytree(FOLDER, target)
    with (target / _FIRST_LIST).open("a") as first:
        for path in lists:
            first.write("\n" + path.read_text())
    return target
