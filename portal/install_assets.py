"""Install the portal's third-party files: ``python -m portal.install_assets FOLDER``.

npm fetches the pinned packages of ``assets.json`` into FOLDER (``tracker.npm``); the files that
pages load are copied to ``static/vendor``, which is not kept in version control. The portal also
works without these files, with tables instead of charts. The shapes of countries come in a script;
here they become one SVG file, whose parts pages refer to by the countries' codes. Marks of sources,
browsers and systems become one file too, as every list shows some of them; flags stay single files,
of which a page fetches those that it shows.
"""

import json
import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path

from tracker.npm import NpmError, install_packages

HERE = Path(__file__).parent
VENDOR = HERE / "static" / "vendor"
_FEWEST = 4
"""Points that a shape needs to be seen as one."""
_STEP = re.compile(r"([Ml])(-?[\d.]+),(-?[\d.]+)")
_BOX = re.compile(r'viewBox="([\d. ]+)"')
_PATH = re.compile(r'<path\b[^>]*?\bd="([^"]+)"')
_FRACTION = re.compile(r"(?<=\.)\d{3,}")
_FLAG = re.compile(r"[A-Z]{2}")
_COUNTRY = re.compile(r'\b([A-Z_]\w):\{path:"([-MmLlZz0-9., ]+)"')


def install(folder: Path) -> list[Path]:
    """Fetch the pinned packages into a folder and copy what pages load; return the copies.

    Raises:
        NpmError: npm is missing or failed.
    """
    wanted = json.loads((HERE / "assets.json").read_text())
    install_packages(folder, wanted["packages"])
    VENDOR.mkdir(parents=True, exist_ok=True)
    modules = folder / "node_modules"
    copies = [
        Path(shutil.copyfile(modules / source, VENDOR / name))
        for name, source in wanted["files"].items()
    ]
    world = VENDOR / "world.svg"
    world.write_text(draw_world((modules / wanted["world"]).read_text()))
    marks = VENDOR / "marks.svg"
    marks.write_text(draw_marks(modules, wanted["marks"]))
    return [*copies, world, marks, *_copy_flags(modules / wanted["flags"])]


def draw_marks(modules: Path, marks: dict[str, tuple[str, str]]) -> str:
    """Write an SVG of marks, by name: each is taken from a file and drawn in one colour."""
    symbols = "".join(
        _symbol(name, (modules / source).read_text(), colour)
        for name, (source, colour) in marks.items()
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{symbols}</svg>\n'


def _symbol(name: str, drawing: str, colour: str) -> str:
    box = _BOX.search(drawing)
    outline = _FRACTION.sub(_hundredths, "".join(_PATH.findall(drawing)))
    if box is None or not outline:
        raise ValueError(f"the drawing of {name} has no outline")
    return f'<symbol id="{name}" viewBox="{box[1]}"><path fill="{colour}" d="{outline}"/></symbol>'


def _hundredths(fraction: re.Match[str]) -> str:
    """Round to hundredths of a unit without touching what stands before the point."""
    return f"{min(99, round(float('0.' + fraction[0]) * 100)):02d}"


def _copy_flags(source: Path) -> list[Path]:
    """Copy the flags of countries, not those of their parts."""
    flags = VENDOR / "flags"
    flags.mkdir(exist_ok=True)
    files = [file for file in sorted(source.glob("*.svg")) if _FLAG.fullmatch(file.stem)]
    return [Path(shutil.copyfile(file, flags / file.name)) for file in files]


def draw_world(script: str) -> str:
    """Write an SVG of the countries in a map's script: ``#land`` is all of them, ``#FR`` one."""
    shapes = "".join(
        f'<path id="{code}" d="{simpler(path)}"/>' for code, path in _COUNTRY.findall(script)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg"><g id="land">{shapes}</g></svg>\n'


def simpler(path: str) -> str:
    """Round a shape to whole units, a third of its bytes; what would be lost by it keeps tenths."""
    drawn = "".join(_outline(part) for part in path.split("Z") if part)
    return drawn or path


def _outline(part: str) -> str:
    x = y = 0.0
    points = []
    for command, across, down in _STEP.findall(part):
        first = command == "M"
        x, y = (0.0 if first else x) + float(across), (0.0 if first else y) + float(down)
        points.append((x, y))
    whole = _rounded(points, 0)
    kept = whole if len(whole) >= _FEWEST else _rounded(points, 1)
    if len(kept) < _FEWEST:
        return ""
    moves = " ".join(f"{b[0] - a[0]:.3g} {b[1] - a[1]:.3g}" for a, b in pairwise(kept))
    return f"M{kept[0][0]:g} {kept[0][1]:g}l{moves}Z".replace(" -", "-")


def _rounded(points: list[tuple[float, float]], digits: int) -> list[tuple[float, float]]:
    rounded = [(round(x, digits), round(y, digits)) for x, y in points]
    return [point for i, point in enumerate(rounded) if not i or point != rounded[i - 1]]


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    try:
        copies = install(Path(arguments[0] if arguments else "build/npm"))
    except NpmError as error:
        print(f"statflow: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    kib = sum(copy.stat().st_size for copy in copies) // 1024
    print(f"{len(copies)} files for pages, {kib} KiB")  # noqa: T201 - a command's own output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
