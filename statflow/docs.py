"""Write the parts of ``docs/`` that come from the code: ``python -m statflow.docs``.

Tests hold the pages equal to the code, so a forgotten run fails the build.
"""

import sys

from edge.collector.typescript import render_definitions
from edge.signals import render_table as render_signals
from portal.models import Role
from portal.teams.rights import GUEST_RIGHTS, MEANINGS, RIGHTS
from statflow.metrics_page import render_metrics
from statflow.settings import ROOT, SETTINGS, render_table
from statflow.settings_snapshot import (
    DEPRECATIONS,
    FILE,
    announced,
    read_snapshot,
    render_snapshot,
    snapshot_of,
    unannounced,
)

SETTINGS_PAGE = """# Settings

Every setting is an environment variable. A process reads them once, at start; an unknown
`STATFLOW_*` name is an error. This page is generated (`make docs`).

{table}
"""


DEFINITIONS = ROOT / "tracker" / "package" / "beacon.d.ts"
SIGNALS_MARK = "<!-- signals -->"
METRICS_MARK = "<!-- metrics -->"

RIGHTS_PAGE = """# Roles and rights

A person is in any number of teams, with one role in each. A guest sees a single site without being
in its team. Being an administrator of the installation opens nobody's numbers. What a person has no
right to see is answered as what does not exist. This page is generated (`make docs`) from the one
table that views, API, templates and commands ask, `portal/teams/rights.py`.

{table}

Only owners make owners, change or remove them. A team always has an owner: the last one cannot
leave before there is another. A deleted team waits for seven days, in which everything works and an
owner can keep it; then it goes with its sites. A site moved to another team loses its guests. A
team that asks for a second factor gives no right of this table to who has none, guests and owners
of tokens included ([accounts.md](accounts.md)).
"""


def rights_page() -> str:
    """Write the table of rights."""
    guests = [f"guest {role.value}" for role in GUEST_RIGHTS]
    heads = ["right", *(role.value for role in Role), *guests]
    rows = [heads, ["---", *(":-:" for _ in heads[1:])]]
    for right, meaning in MEANINGS.items():
        sets = (*(RIGHTS[role] for role in Role), *GUEST_RIGHTS.values())
        rows.append([meaning, *("yes" if right in held else "" for held in sets)])
    return RIGHTS_PAGE.format(table="\n".join(f"| {' | '.join(row)} |" for row in rows))


def main() -> None:
    """Write every generated page, and the snapshot of settings."""
    now = snapshot_of(SETTINGS)
    if problems := unannounced(read_snapshot(), now, announced(DEPRECATIONS.read_text())):
        sys.exit("\n".join(problems))
    FILE.write_text(render_snapshot(now))
    page = ROOT / "docs" / "settings.md"
    page.write_text(SETTINGS_PAGE.format(table=render_table()))
    (ROOT / "docs" / "rights.md").write_text(rights_page())
    DEFINITIONS.write_text(render_definitions())
    page = ROOT / "docs" / "modules.md"
    page.write_text(page.read_text().partition(SIGNALS_MARK)[0] + signals_part())
    page = ROOT / "docs" / "metrics.md"
    page.write_text(page.read_text().partition(METRICS_MARK)[0] + metrics_part())


def signals_part() -> str:
    """Write the part of the page on modules that comes from the table of signals."""
    return f"{SIGNALS_MARK}\n{render_signals()}\n"


def metrics_part() -> str:
    """Write the part of the page on metrics that comes from the metrics."""
    return f"{METRICS_MARK}\n{render_metrics()}\n"


if __name__ == "__main__":
    main()
