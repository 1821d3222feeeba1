"""The browser tracker; Python only locates its frozen builds under ``dist/``."""

from pathlib import Path

DIST = Path(__file__).parent / "dist"


def newest_build() -> Path:
    """Find the newest frozen build.

    Raises:
        FileNotFoundError: There is none; `make tracker` makes one.
    """
    builds = sorted(DIST.glob("*.js"), key=lambda path: [int(n) for n in path.stem.split(".")])
    if not builds:
        raise FileNotFoundError(f"no tracker build in {DIST}; run `make tracker`")
    return builds[-1]
