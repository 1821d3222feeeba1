"""Write the parts of ``docs/`` that come from the code: ``python -m statflow.docs``.

Tests hold the pages equal to the code, so a forgotten run fails the build.
"""

from edge.collector.typescript import render_definitions
from edge.signals import render_table as render_signals
from statflow.settings import ROOT, render_table

SETTINGS_PAGE = """# Settings

Every setting is an environment variable. A process reads them once, at start; an unknown
`STATFLOW_*` name is an error. This page is generated (`make docs`).

{table}
"""


DEFINITIONS = ROOT / "tracker" / "package" / "beacon.d.ts"
SIGNALS_MARK = "<!-- signals -->"


def main() -> None:
    """Write every generated page."""
    page = ROOT / "docs" / "settings.md"
    page.write_text(SETTINGS_PAGE.format(table=render_table()))
    DEFINITIONS.write_text(render_definitions())
    page = ROOT / "docs" / "modules.md"
    page.write_text(page.read_text().partition(SIGNALS_MARK)[0] + signals_part())


def signals_part() -> str:
    """Write the part of the page on modules that comes from the table of signals."""
    return f"{SIGNALS_MARK}\n{render_signals()}\n"


if __name__ == "__main__":
    main()
