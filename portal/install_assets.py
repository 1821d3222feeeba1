"""Install the portal's third-party files: ``python -m portal.install_assets FOLDER``.

npm fetches the pinned packages of ``assets.json`` into FOLDER (``tracker.npm``); the files that
pages load are copied to ``static/vendor``, which is not kept in version control. The portal also
works without these files, with tables instead of charts. The shapes of countries come in a script;
here they become one SVG file, whose parts pages refer to by the countries' codes.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from tracker.npm import NpmError, install_packages

HERE = Path(__file__).parent
VENDOR = HERE / "static" / "vendor"
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
    return [*copies, world]


def draw_world(script: str) -> str:
    """Write an SVG of the countries in a map's script: ``#land`` is all of them, ``#FR`` one."""
    shapes = "".join(f'<path id="{code}" d="{path}"/>' for code, path in _COUNTRY.findall(script))
    return f'<svg xmlns="http://www.w3.org/2000/svg"><g id="land">{shapes}</g></svg>\n'


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    try:
        copies = install(Path(arguments[0] if arguments else "build/npm"))
    except NpmError as error:
        print(f"statflow: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    for copy in copies:
        print(f"{copy.name}: {copy.stat().st_size // 1024} KiB")  # noqa: T201 - a command's own output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
