"""Write the parts of ``docs/`` that come from the code: ``python -m statflow.docs``.

Tests hold the pages equal to the code, so a forgotten run fails the build.
"""

from statflow.settings import ROOT, render_table

SETTINGS_PAGE = """# Settings

Every setting is an environment variable. A process reads them once, at start; an unknown
`STATFLOW_*` name is an error. This page is generated (`make docs`).

{table}
"""


def main() -> None:
    """Write every generated page."""
    page = ROOT / "docs" / "settings.md"
    page.write_text(SETTINGS_PAGE.format(table=render_table()))


if __name__ == "__main__":
    main()
