"""The browser tracker; Python only locates its frozen builds under ``dist/``."""

from pathlib import Path

DIST = Path(__file__).parent / "dist"


def newest_build() -> Path:
    """Find the newest frozen build.

    Raises:
        FileNotFoundError: There is none; `make tracker` makes one.
    """
    builds = _builds()
    if not builds:
        raise FileNotFoundError(f"no tracker build in {DIST}; run `make tracker`")
    return builds[-1]


def selectors_build() -> Path:
    """Find what is appended to the newest build for sites that have rules by selector.

    Raises:
        FileNotFoundError: There is none; `make tracker` makes one.
    """
    build = DIST / "selectors" / newest_build().name
    if not build.exists():
        raise FileNotFoundError(f"no {build}; run `make tracker`")
    return build


def cores_of(build: Path) -> dict[str, bytes]:
    """Read the cores of a build that have other parts than itself, by the names of their parts.

    A name is such as ``downloads+hash``, or ``none``.
    """
    folder = build.with_suffix("") / "core"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.js"))}


def modules_of(build: Path) -> dict[str, bytes]:
    """Read the modules of a build, by name."""
    return {path.stem: path.read_bytes() for path in sorted(build.with_suffix("").glob("*.js"))}


def older_modules() -> tuple[bytes, ...]:
    """Read the modules of every build but the newest: scripts in caches still ask for them."""
    return tuple(body for build in _builds()[:-1] for body in modules_of(build).values())


def _builds() -> list[Path]:
    return sorted(DIST.glob("*.js"), key=lambda path: [int(n) for n in path.stem.split(".")])
